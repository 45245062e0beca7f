import DMSJSON
import DMSTestSupport

/// A small random checkpoint with a byte tokenizer, in a folder of its own.
struct TinyFolder {
    let folder: TemporaryFolder
    var path: String { folder.path }

    /// - Parameter dms: Entries of a `dms_metadata.json`, if there is to be one.
    init(
        dms: JSONObject? = nil, generation: JSONObject? = nil, maximumPositions: Int64 = 4096, seed: UInt64 = 1
    ) throws {
        folder = try TemporaryFolder()
        var checkpoint = TinyCheckpoint()
        checkpoint.vocabulary = ByteTokenizer.vocabulary.count
        checkpoint.seed = seed
        checkpoint.dtype = "BF16"
        checkpoint.extraConfiguration["max_position_embeddings"] = .integer(maximumPositions)
        try checkpoint.write(to: folder.path)
        try folder.write(JSONValue.object(ByteTokenizer.file).text(), to: "tokenizer.json")
        if let dms { try folder.write(JSONValue.object(dms).text(), to: "dms_metadata.json") }
        if let generation { try folder.write(JSONValue.object(generation).text(), to: "generation_config.json") }
    }

    /// The published form of the metadata.
    static func metadata(window: Int64, contextLength: Int64 = 4096) -> JSONObject {
        JSONObject([
            "window_size": .integer(window), "alpha_scale": .number(100), "alpha_offset": .number(5),
            "target_cr": .integer(4), "context_len": .integer(contextLength),
        ])
    }
}
