import DMSJSON
import DMSTestSupport
import Foundation
import Testing

@Suite("dms convert")
struct ConvertCommandTests {
    @Test("A converted model says the same, and plain sense is required of options")
    func convert() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let folder = try TemporaryFolder()
        let output = folder.file("out")
        let made = try Command.run(
            "convert", "--model", model.path, "--output", output, "--gates", "adapter", "--json")
        #expect(made.status == 0, "\(made.error)")
        #expect(try made.object()["decision_source"] == .string("adapter"))
        func generate(_ path: String) throws -> JSONValue? {
            try Command.run(
                "generate", "hello hello hello hello", "--model", path, "--max-tokens", "20", "--json"
            ).object()["token_ids"]
        }
        #expect(try generate(output) == generate(model.path))
        let inspected = try Command.run("inspect", "--model", output)
        #expect(inspected.status == 0 && inspected.output.contains("adapter"), "\(inspected.error)")

        let refused = try Command.run("convert", "--model", model.path, "--output", folder.file("b"), "--to", "nvidia")
        #expect(refused.status == 1 && refused.error.contains("decision_shift"), "\(refused.error)")
        for wrong in [[], ["--to", "other"], ["--gates", "borrowed_query_channel"], ["--gates", "none"]] {
            let result = try Command.run(
                ["convert", "--model", model.path, "--output", folder.file("c")] + wrong, input: [])
            #expect(result.status == 64, "\(wrong): \(result.status) \(result.error)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["out"])
    }
}
