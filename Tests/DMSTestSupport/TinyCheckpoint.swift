public import DMSJSON
import Foundation

/// A small random checkpoint, a Llama unless something else is asked for, written byte by byte without the project's own writer.
public struct TinyCheckpoint {
    /// With norms over the heads of queries and keys, and called one.
    public var isQwen3 = false
    public var layers = 2
    public var hidden = 24
    public var heads = 6
    public var keyValueHeads = 2
    public var headDimension = 8
    public var feedForward = 40
    public var vocabulary = 97
    public var tiesEmbeddings = true
    public var attentionBias = false
    public var feedForwardBias = false
    /// Gates that are adapters, stated in the keys that NVIDIA's trainer writes.
    public var adapters = false
    /// "F32", "F16" or "BF16".
    public var dtype = "F32"
    /// Files the tensors are spread over; more than one writes an index.
    public var shards = 1
    public var seed: UInt64 = 1
    /// Entries added to or replacing those of config.json.
    public var extraConfiguration: JSONObject = JSONObject()

    public init() {}

    /// The entries of config.json.
    public var configuration: JSONObject {
        var object: JSONObject = JSONObject([
            "architectures": .array([.string(isQwen3 ? "Qwen3ForCausalLM" : "LlamaForCausalLM")]),
            "model_type": .string(isQwen3 ? "qwen3" : "llama"),
            "hidden_size": .integer(Int64(hidden)), "intermediate_size": .integer(Int64(feedForward)),
            "num_hidden_layers": .integer(Int64(layers)), "num_attention_heads": .integer(Int64(heads)),
            "num_key_value_heads": .integer(Int64(keyValueHeads)), "head_dim": .integer(Int64(headDimension)),
            "vocab_size": .integer(Int64(vocabulary)), "rms_norm_eps": .number(1e-5),
            "max_position_embeddings": .integer(4096), "rope_theta": .number(10000), "hidden_act": .string("silu"),
            "tie_word_embeddings": .bool(tiesEmbeddings), "attention_bias": .bool(attentionBias),
            "mlp_bias": .bool(feedForwardBias), "bos_token_id": .integer(0), "eos_token_id": .integer(1),
            "torch_dtype": .string(["F32": "float32", "F16": "float16", "BF16": "bfloat16"][dtype] ?? dtype),
        ])
        if adapters {
            object["dms_separate_alpha"] = .bool(true)
            object["dms_window_size"] = .integer(8)
            object["dms_alpha_scale"] = .number(100)
            object["dms_initial_alpha_offset"] = .number(5)
        }
        for (key, value) in extraConfiguration.entries { object[key] = value }
        return object
    }

    /// Names and shapes of all tensors.
    public var tensors: [(name: String, shape: [Int])] {
        var list: [(String, [Int])] = [("model.embed_tokens.weight", [vocabulary, hidden])]
        let queryWidth = heads * headDimension
        let keyWidth = keyValueHeads * headDimension
        for layer in 0..<layers {
            let prefix = "model.layers.\(layer)"
            let attention = [
                ("q_proj", queryWidth, hidden), ("k_proj", keyWidth, hidden), ("v_proj", keyWidth, hidden),
                ("o_proj", hidden, queryWidth),
            ]
            for (name, outputs, inputs) in attention {
                list.append(("\(prefix).self_attn.\(name).weight", [outputs, inputs]))
                if attentionBias { list.append(("\(prefix).self_attn.\(name).bias", [outputs])) }
            }
            if isQwen3 {
                for norm in ["q_norm", "k_norm"] {
                    list.append(("\(prefix).self_attn.\(norm).weight", [headDimension]))
                }
            }
            if adapters {
                list.append(("\(prefix).self_attn.dms_proj_alpha_norm.weight", [hidden]))
                list.append(("\(prefix).self_attn.dms_proj_alpha.weight", [keyValueHeads, hidden]))
                if attentionBias { list.append(("\(prefix).self_attn.dms_proj_alpha.bias", [keyValueHeads])) }
            }
            let mlp = [
                ("gate_proj", feedForward, hidden), ("up_proj", feedForward, hidden),
                ("down_proj", hidden, feedForward),
            ]
            for (name, outputs, inputs) in mlp {
                list.append(("\(prefix).mlp.\(name).weight", [outputs, inputs]))
                if feedForwardBias { list.append(("\(prefix).mlp.\(name).bias", [outputs])) }
            }
            list.append(("\(prefix).input_layernorm.weight", [hidden]))
            list.append(("\(prefix).post_attention_layernorm.weight", [hidden]))
        }
        list.append(("model.norm.weight", [hidden]))
        if !tiesEmbeddings { list.append(("lm_head.weight", [vocabulary, hidden])) }
        return list
    }

    /// Writes the checkpoint into a folder that exists.
    public func write(to folder: String) throws {
        try write(JSONValue.object(configuration).text(indent: 2), folder + "/config.json")
        var generator = SeededGenerator(seed: seed)
        var files: [[(name: String, shape: [Int], bytes: [UInt8])]] = Array(repeating: [], count: shards)
        for (index, tensor) in tensors.enumerated() {
            let count = tensor.shape.reduce(1, *)
            let scale = tensor.shape.count == 2 ? 1 / Float(tensor.shape[1]).squareRoot() : 0.2
            let offset: Float = tensor.name.hasSuffix("norm.weight") ? 1 : 0
            let values = (0..<count).map { _ in generator.normal() * scale + offset }
            files[index % shards].append((tensor.name, tensor.shape, encode(values)))
        }
        var map = JSONObject()
        for (index, file) in files.enumerated() {
            let name =
                shards == 1
                ? "model.safetensors" : "model-\(padded(index + 1))-of-\(padded(shards)).safetensors"
            try Data(Self.safetensors(file, dtype: dtype)).write(to: URL(fileURLWithPath: folder + "/" + name))
            for tensor in file { map[tensor.name] = .string(name) }
        }
        if shards > 1 {
            let index = JSONObject(["metadata": .object(JSONObject()), "weight_map": .object(map)])
            try write(JSONValue.object(index).text(), folder + "/model.safetensors.index.json")
        }
    }

    private func padded(_ number: Int) -> String { String(String(100_000 + number).dropFirst()) }

    private func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private func encode(_ values: [Float]) -> [UInt8] {
        switch dtype {
        case "BF16": values.flatMap { Self.bytes(UInt16(truncatingIfNeeded: $0.bitPattern >> 16)) }
        case "F16": values.flatMap { Self.bytes(Float16($0).bitPattern) }
        default: values.flatMap { Self.bytes($0.bitPattern) }
        }
    }

    private static func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// A safetensors file: eight bytes of header length, the header, the tensors one after another.
    public static func safetensors(
        _ tensors: [(name: String, shape: [Int], bytes: [UInt8])], dtype: String
    ) -> [UInt8] {
        var header = JSONObject()
        var offset = 0
        for tensor in tensors {
            header[tensor.name] = .object(
                JSONObject([
                    "dtype": .string(dtype), "shape": .array(tensor.shape.map { .integer(Int64($0)) }),
                    "data_offsets": .array([.integer(Int64(offset)), .integer(Int64(offset + tensor.bytes.count))]),
                ]))
            offset += tensor.bytes.count
        }
        var text = Array(JSONValue.object(header).text().utf8)
        while text.count % 8 != 0 { text.append(0x20) }
        return bytes(UInt64(text.count)) + text + tensors.flatMap(\.bytes)
    }
}
