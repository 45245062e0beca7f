import DMSCheckpoint
import DMSPolicy

/// The rows of the query projections that decide about eviction: whether anything was ever trained into them.
struct GatesCheck {
    /// Gates, and how many of them are rows of zeros.
    let count: Int
    let zeroCount: Int
    let findings: [Finding]

    var areAllZero: Bool { count > 0 && zeroCount == count }

    /// Reads nothing.
    init(unread: Void) { (count, zeroCount, findings) = (0, 0, []) }

    init(_ configuration: LlamaConfiguration, _ metadata: DMSMetadata?, _ weights: WeightFilesCheck) {
        let channel = metadata?.configuration.channel ?? .last
        guard metadata.map({ $0.configuration.source == .borrowedQueryChannel }) ?? true,
            let column = try? channel.resolved(headDimension: configuration.headDimension)
        else {
            (count, zeroCount, findings) = (0, 0, [])
            return
        }
        var gates: [(layer: Int, head: Int, isZero: Bool, bias: Float)] = []
        for layer in 0..<configuration.layerCount {
            let name = LlamaTensorName.layer(layer, "self_attn.q_proj")
            let bias = weights.tensors[name + ".bias"].flatMap { try? $0.floats() }
            for head in 0..<configuration.keyValueHeadCount {
                let row = head * configuration.groupSize * configuration.headDimension + column
                guard let isZero = Self.isZero(row, of: name, configuration, weights) else { continue }
                gates.append((layer, head, isZero, bias.flatMap { $0.count > row ? $0[row] : nil } ?? 0))
            }
        }
        let zero = gates.filter { $0.isZero }
        count = gates.count
        zeroCount = zero.count
        guard let metadata else {
            findings = zero.count == gates.count && !gates.isEmpty ? [Self.unnamed()] : []
            return
        }
        guard let first = zero.first else {
            findings =
                gates.isEmpty
                ? [] : [Finding(.ok, .gates, file: ".", found: "\(gates.count) gates, none of them a row of zeros")]
            return
        }
        // A row of zeros leaves the bias alone, which is nothing in most models.
        let evicting = zero.count { metadata.configuration.decision.evicts(raw: $0.bias) }
        let effect =
            evicting == 0
            ? "so that each keeps every token"
            : evicting == zero.count ? "so that each evicts every token" : "of which \(evicting) evict every token"
        findings = [
            Finding(
                .warning, .gates, file: ".",
                .tensor(LlamaTensorName.layer(first.layer, "self_attn.q_proj.weight")),
                found:
                    "\(zero.count) of \(gates.count) gates are rows of zeros, \(effect); the first is that of KV head "
                    + "\(first.head)",
                required: "rows that were trained",
                advice: zero.count == gates.count
                    ? "the gates were prepared and never trained: 'dms retrofit', or take a later checkpoint"
                    : "take a later checkpoint, unless these heads are meant to decide so")
        ]
    }

    private static func unnamed() -> Finding {
        Finding(
            .warning, .gates, file: DMSMetadata.fileName,
            found: "no metadata, while the last channel of the first query head of every KV head is a row of zeros",
            required: "metadata, if these channels were prepared to decide about eviction", advice: Advice.complete)
    }

    /// Whether a row of a layer is 0, as floats or as integers; `nil` where it cannot be told.
    private static func isZero(
        _ row: Int, of layer: String, _ configuration: LlamaConfiguration, _ weights: WeightFilesCheck
    ) -> Bool? {
        if let scheme = configuration.quantization?.scheme(of: layer) {
            guard let codes = weights.tensors[QuantizedTensorName.codes(layer)] else { return nil }
            let zero: UInt8 = scheme.bits == 8 ? 0x80 : 0x88
            return slice(row, of: codes)?.allSatisfy { $0 == zero }
        }
        guard let tensor = weights.tensors[layer + ".weight"], tensor.dtype.isWeightType else { return nil }
        let width = tensor.dtype.bitWidth / 8
        // The top bit of a float alone is a negative zero.
        return slice(row, of: tensor)?.enumerated().allSatisfy { index, byte in
            byte == 0 || (byte == 0x80 && index % width == width - 1)
        }
    }

    private static func slice(_ row: Int, of tensor: MappedTensor) -> UnsafeRawBufferPointer? {
        guard tensor.shape.count == 2, row < tensor.shape[0] else { return nil }
        let length = tensor.bytes.count / tensor.shape[0]
        return UnsafeRawBufferPointer(rebasing: tensor.bytes[row * length..<(row + 1) * length])
    }
}
