import DMSJSON
import Testing

@Suite("dms inspect")
struct InspectCommandTests {
    @Test("what the files say and where they say it")
    func eviction() throws {
        let model = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let object = try Command.run("inspect", "--model", model.path, "--json").object()
        let window = object["dms"]?.objectValue?["window_size"]?.objectValue
        #expect(window?["value"] == .integer(8))
        #expect(window?["origin"]?.stringValue?.contains("dms_metadata.json") == true)
        #expect(object["dms"]?.objectValue?["zero_channel"]?.objectValue?["origin"] == .string("profile fastdms"))
        // 2 layers, 2 heads, 8 channels, keys and values; a fourth of it at the target ratio; scales for FP8.
        let costs = object["kv_bytes_per_token"]?.objectValue
        #expect(costs?["fp32"]?.objectValue?["dense"] == .integer(256))
        #expect(costs?["bf16"]?.objectValue?["dense"] == .integer(128))
        #expect(costs?["bf16"]?.objectValue?["expected"]?.doubleValue == 32)
        #expect(costs?["fp8"]?.objectValue?["dense"] == .integer(96))
        let text = try Command.run("inspect", "--model", model.path)
        #expect(text.status == 0)
        #expect(text.output.contains("window_size"))
    }

    @Test("a plain model has no eviction")
    func plain() throws {
        let model = try TinyFolder()
        let object = try Command.run("inspect", "--model", model.path, "--json").object()
        #expect(object["dms"] == .null)
        // The tensors of the tiny checkpoint, counted by hand: 262 x 24 for the embedding; per layer 48 x 24 twice,
        // 16 x 24 twice, 40 x 24 three times, two norms; one norm at the end.
        let embedding: Int64 = 262 * 24
        let layer: Int64 = 2 * 48 * 24 + 2 * 16 * 24 + 3 * 40 * 24 + 48
        #expect(object["parameters"] == .integer(embedding + 2 * layer + 24))
        #expect(try Command.run("inspect", "--model", model.path).output.contains("eviction    none"))
    }

    @Test("bad metadata is refused by file and key")
    func refused() throws {
        var metadata = TinyFolder.metadata(window: 8)
        metadata["window_size"] = .string("wide")
        let model = try TinyFolder(dms: metadata)
        for verb in [["inspect"], ["generate", "hi"]] {
            let result = try Command.run(verb + ["--model", model.path], input: [])
            #expect(result.status == 1)
            #expect(result.error.contains("dms_metadata.json"))
            #expect(result.error.contains("window_size"))
        }
    }
}
