import DMSJSON
import DMSTestSupport
import Testing

@Suite("dms corpus")
struct CorpusCommandTests {
    @Test("a folder with texts, tokenizer and configuration")
    func recall() throws {
        let folder = try TemporaryFolder()
        let output = folder.file("recall")
        let result = try Command.run(
            "corpus", "recall", "--output", output, "--chunks", "3", "--length", "64", "--json")
        #expect(result.status == 0)
        #expect(result.error.isEmpty)
        let object = try result.object()
        #expect(object.keys == ["output", "chunks", "length", "documents", "tokens", "vocabulary"])
        #expect(object["tokens"] == .integer(192))
        let ids = try Command.run("tokenize", "--model", output, "--json", input: "The password is falcon").object()
        #expect(ids["ids"]?.arrayValue?.count == 5)
        let again = try Command.run("corpus", "recall", "--output", output)
        #expect(again.status == 1)
        #expect(again.error.hasPrefix("dms: error: \(output): found "))
    }

    @Test(
        "wrong options end with status 64",
        arguments: [
            ["corpus", "bogus"], ["corpus", "recall"], ["corpus", "recall", "--output", "x", "--chunks", "0"],
            ["corpus", "recall", "--output", "x", "--length", "47"],
            ["corpus", "recall", "--output", "x", "--seed", "-1"],
        ])
    func wrongOptions(arguments: [String]) throws {
        let result = try Command.run(arguments, input: [])
        #expect(result.status == 64)
        #expect(result.error.hasPrefix("dms: error: "))
    }
}
