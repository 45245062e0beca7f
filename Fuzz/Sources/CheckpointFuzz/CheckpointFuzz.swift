import DMSCheckpoint
import DMSTokenizer

/// The configuration whose vocabulary bounds the token ids of fuzzed generation configurations.
private let model: LlamaConfiguration = {
    let text = #"""
        {"model_type": "llama", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
         "num_attention_heads": 2, "vocab_size": 100, "rms_norm_eps": 1e-5, "max_position_embeddings": 8}
        """#
    guard let model = try? LlamaConfiguration(parsing: Array(text.utf8)) else { preconditionFailure("a valid model") }
    return model
}()

/// Feeds one input to the reader that its first byte names, and checks what the reader promises about its result.
///
/// An error is a fine answer; a trap, a broken promise, a time-out or a runaway allocation is a finding.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = UnsafeRawBufferPointer(start: start, count: count)
    guard let reader = input.first else { return 0 }
    // A copy of exactly the input's size, so that a read beyond its end is seen.
    let text = Array(input.dropFirst())
    switch reader {
    case UInt8(ascii: "h"): readHeader(text)
    case UInt8(ascii: "i"): readIndex(text)
    case UInt8(ascii: "c"): readConfiguration(text)
    case UInt8(ascii: "g"): readGenerationConfiguration(text)
    case UInt8(ascii: "t"): readTokenizer(text)
    default: return -1
    }
    return 0
}

private func readHeader(_ text: [UInt8]) {
    // The header's length is filled in: eight bytes that must agree with the rest are a wall to a fuzzer.
    let length = text.firstIndex(of: 0) ?? text.count
    let file = withUnsafeBytes(of: UInt64(length).littleEndian) { Array($0) } + text
    for bytes in [text, file] {
        bytes.withUnsafeBytes { bytes in
            guard let header = try? SafetensorsHeader(parsing: bytes, file: "fuzz.safetensors") else { return }
            var end = 0
            for entry in header.entries {
                precondition(entry.byteRange.lowerBound == end, "the data is not tiled")
                precondition(entry.byteRange.count == entry.dtype.byteCount(shape: entry.shape), "a wrong size")
                end = entry.byteRange.upperBound
            }
            precondition(header.dataOffset + end == bytes.count, "the data does not end with the file")
            precondition(Set(header.entries.map(\.name)).count == header.entries.count, "a name twice")
        }
    }
}

private func readIndex(_ text: [UInt8]) {
    guard let index = try? ShardIndex(parsing: text, file: "fuzz.json") else { return }
    for shard in index.shards {
        precondition(!shard.contains("/") && shard.hasSuffix(".safetensors"), "a shard that may lie elsewhere")
    }
}

private func readConfiguration(_ text: [UInt8]) {
    guard let configuration = try? LlamaConfiguration(parsing: text, file: "fuzz.json") else { return }
    precondition(configuration.headCount == configuration.groupSize * configuration.keyValueHeadCount, "head groups")
    for tensor in configuration.expectedTensors {
        precondition(TensorDataType.float32.byteCount(shape: tensor.shape) != nil, "a tensor that cannot exist")
    }
    let frequencies = configuration.rope.inverseFrequencies(headDimension: configuration.headDimension)
    precondition(frequencies.allSatisfy { $0.isFinite && $0 >= 0 }, "a frequency that is no number")
    guard let again = try? LlamaConfiguration(configuration.json()) else { preconditionFailure("not read back") }
    precondition(again.rope == configuration.rope && again.normEpsilon == configuration.normEpsilon, "not written back")
    precondition(again.expectedTensors == configuration.expectedTensors, "not written back")
}

private func readGenerationConfiguration(_ text: [UInt8]) {
    guard let configuration = try? GenerationConfiguration(parsing: text, for: model) else { return }
    precondition(configuration.endOfTextIDs.allSatisfy { $0 >= 0 && $0 < 100 }, "an id beyond the vocabulary")
    precondition(configuration.temperature.map { $0.isFinite && $0 >= 0 } ?? true, "a temperature out of range")
}

private func readTokenizer(_ text: [UInt8]) {
    _ = try? Tokenizer(json: text)
}
