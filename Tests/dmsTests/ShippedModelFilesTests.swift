import DMSCheckpoint
import DMSPolicy
import DMSRecall
import DMSTokenizer
import Foundation
import Testing

@Suite("The model that comes with the package")
struct ShippedModelFilesTests {
    /// In the sources; the binary finds its copy in the tests that run it.
    private static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "../../Sources/dms/recall-8x"
    ).standardizedFileURL.path

    @Test("it is whole, small, evicts, and has the task's tokenizer")
    func files() throws {
        let directory = try ModelDirectory.open(path: Self.path)
        let metadata = try #require(try directory.dmsMetadata())
        #expect(metadata.configuration.windowSize == 32)
        #expect(metadata.contextLength == 1024)
        let bytes = directory.weights.names.reduce(0) { $0 + (directory.weights[$1]?.bytes.count ?? 0) }
        #expect(bytes < 8 << 20)
        let tokenizer = try Tokenizer(file: directory.tokenizerPath)
        let item = RecallTask(seed: 1).item(length: 200, depth: 0.5, number: 0)
        #expect(tokenizer.encode(item.prompt + item.answer).count == 200)
    }
}
