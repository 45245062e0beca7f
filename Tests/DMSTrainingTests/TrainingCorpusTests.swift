import DMSJSON
import DMSTestSupport
import DMSTokenizer
import DMSTraining
import Testing

@Suite("Reading texts to train on")
struct TrainingCorpusTests {
    private let folder: TemporaryFolder
    private let tokenizer: Tokenizer

    init() throws {
        folder = try TemporaryFolder()
        tokenizer = try Tokenizer(json: Array(JSONValue.object(ByteTokenizer.file).text().utf8))
    }

    private func options(
        context: Int = 4, batch: Int = 1, end: Int32? = 1, vocabulary: Int = 300
    ) -> TrainingCorpus.Options {
        TrainingCorpus.Options(
            contextLength: context, chunksPerBatch: batch, endOfText: end, vocabularySize: vocabulary)
    }

    private func read(_ names: String..., options: TrainingCorpus.Options) throws -> TrainingCorpus {
        try TrainingCorpus(paths: names.map(folder.file), tokenizer: tokenizer, options: options)
    }

    private func bytes(_ text: String) -> [Int32] { text.utf8.map(ByteTokenizer.id(of:)) }

    @Test("documents follow each other and are cut into chunks")
    func stream() throws {
        try folder.write("ab\nc\n", to: "a.txt")
        try folder.write(#"{"text": "xy"}"# + "\n" + #"{"text": ""}"# + "\n" + #"{"text": "z\n"}"#, to: "b.jsonl")
        var progress: [TrainingCorpus.Progress] = []
        let corpus = try TrainingCorpus(
            paths: [folder.file("a.txt"), folder.file("b.jsonl")], tokenizer: tokenizer, options: options()
        ) { progress.append($0) }
        #expect(
            corpus.tokens == [0] + bytes("ab\nc\n") + [0] + bytes("xy") + [1] + [0, 1] + [0] + bytes("z\n") + [1])
        #expect(corpus.documentCount == 4)
        #expect(corpus.chunkCount == 4)
        #expect(corpus[1] == corpus.tokens[4..<8])
        #expect(progress.map(\.documents) == [1, 2, 3, 4])
        #expect(progress.map(\.tokens) == [6, 10, 12, 16])
        #expect(progress.map(\.bytesRead) == [5, 20, 33, 48])
        #expect(progress.allSatisfy { $0.byteCount == 48 })
    }

    @Test("a byte order mark is no text, in neither kind of file, and carriage returns are text in one")
    func marks() throws {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        try folder.write(mark + Array("a\r\nb".utf8), to: "a.txt")
        try folder.write(mark + Array((#"{"text": "xy"}"# + "\r\n" + #"{"text": "z"}"#).utf8), to: "b.jsonl")
        try folder.write("plain", to: "c.txt")
        let corpus = try read("a.txt", "b.jsonl", "c.txt", options: options())
        #expect(
            corpus.tokens == [0] + bytes("a\r\nb") + [0] + bytes("xy") + [1] + [0] + bytes("z") + [1] + [0]
                + bytes("plain"))
        #expect(Set(corpus.marks.keys) == [folder.file("a.txt"), folder.file("b.jsonl")])
        #expect(corpus.marks[folder.file("a.txt")]?.hasCarriageReturns == true)
        #expect(corpus.marks[folder.file("b.jsonl")]?.hasCarriageReturns == false)
        #expect(corpus.marks.values.allSatisfy { $0.hasByteOrderMark })
        try folder.write(mark, to: "empty.txt")
        #expect(throws: CorpusError.self) { try read("empty.txt", options: options()) }
    }

    @Test("without an end-of-text token in the configuration none is put")
    func noEnd() throws {
        try folder.write(#"{"text": "hello"}"# + "\n", to: "a.jsonl")
        #expect(try read("a.jsonl", options: options(context: 2, end: nil)).tokens == [0, 261])
    }

    @Test("a corpus shorter than a batch is refused with both numbers")
    func short() throws {
        try folder.write("abcdefghij", to: "a.txt")
        #expect(try read("a.txt", options: options(context: 5, batch: 2)).chunkCount == 2)
        let error = #expect(throws: CorpusError.self) { try read("a.txt", options: options(context: 4, batch: 3)) }
        #expect(error?.file == folder.file("a.txt"))
        #expect(error?.found == "a corpus of 11 tokens")
        #expect(error?.required == "at least 12, one batch of 3 x 4")
    }

    @Test(
        "a wrong line is named",
        arguments: [
            ("not json", "at byte 0"), ("[1]", "a list"), (#"{"txt": "a"}"#, "unknown key \"txt\""), ("{}", "no key"),
            (#"{"text": 5}"#, "an integer"), (#"{"text": "a", "id": 1}"#, "unknown key \"id\""), ("", "the text ends"),
            (#"{"text": "a"} x"#, "after the end"),
        ])
    func wrongLine(line: String, found: String) throws {
        try folder.write(#"{"text": "fine"}"# + "\n" + line + "\n" + #"{"text": "fine"}"#, to: "a.jsonl")
        let error = #expect(throws: CorpusError.self) { try read("a.jsonl", options: options()) }
        #expect(error?.file == folder.file("a.jsonl"))
        #expect(error?.line == 2)
        #expect(error?.found.contains(found) == true)
        #expect(error?.description.contains("a.jsonl, line 2: found ") == true)
    }

    @Test("bytes that are not UTF-8 are named by their line")
    func encoding() throws {
        try folder.write(Array("ab\ncd\n\u{e9}".utf8) + [0xFF, 0x0A], to: "a.txt")
        #expect(#expect(throws: CorpusError.self) { try read("a.txt", options: options()) }?.line == 3)
        try folder.write(Array("{\"text\": \"a\"}\n{\"text\": \"".utf8) + [0xFF] + Array("\"}".utf8), to: "b.jsonl")
        #expect(#expect(throws: CorpusError.self) { try read("b.jsonl", options: options()) }?.line == 2)
    }

    @Test("files that are none, empty, or of another kind are refused")
    func wrongFiles() throws {
        try folder.write("", to: "empty.txt")
        try folder.write("a", to: "a.md")
        for name in ["empty.txt", "a.md", "missing.txt"] {
            let error = #expect(throws: CorpusError.self) { try read(name, options: options()) }
            #expect(error?.file == folder.file(name))
        }
        #expect(throws: CorpusError.self) { try read(options: options()) }
    }

    @Test("a token that the model does not have is refused")
    func vocabulary() throws {
        try folder.write("hello hello", to: "a.txt")
        #expect(try read("a.txt", options: options(context: 2, vocabulary: 262)).chunkCount == 2)
        let error = #expect(throws: CorpusError.self) { try read("a.txt", options: options(vocabulary: 261)) }
        #expect(error?.found == "a text with the token 261")
    }
}
