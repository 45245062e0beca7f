import DMSCheckpoint
import DMSTensor
import DMSTraining
import Foundation

/// A folder that goes with the value.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("dms-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Models that the tests open, by their folders.
enum Models {
    /// The one that comes with the package: it evicts, and knows a password that it has read.
    static let shipped = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Sources/dms/recall-8x").standardizedFileURL.path

    /// The text that it was trained for.
    static let question = "The password is pillow. The grass is green. The sky is blue. The password is"

    /// Writes a small model with random weights and no eviction.
    static func makeRandom(in folder: String, positions: Int = 4096) throws {
        let text = """
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 48,
             "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
             "vocab_size": 770, "rms_norm_eps": 1e-5, "max_position_embeddings": \(positions), "rope_theta": 10000,
             "hidden_act": "silu", "tie_word_embeddings": true, "initializer_range": 0.2, "torch_dtype": "float32"}
            """
        let configuration = try LlamaConfiguration(parsing: Array(text.utf8))
        let weights = try LlamaParameters(random: configuration, seed: 3)
        try CheckpointPackage(weights: weights, type: .float32, companionDirectory: shipped)
            .write(to: folder, kernels: CPUKernels(threads: 1), metadata: nil)
    }
}
