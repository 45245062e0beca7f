public import DMSJSON

/// Which linear layers of a checkpoint are stored as integers, and how: the `quantization_config` of a `config.json`.
///
/// The layout is the one that the library compressed-tensors calls `pack-quantized`, of which symmetric groups of 8 or 4
/// bits are read. A layer `X` is three tensors in place of `X.weight`: `X.weight_packed`, `X.weight_scale` and
/// `X.weight_shape`.
public struct WeightQuantization: Hashable, Sendable {
    /// How one layer is stored.
    public struct Scheme: Hashable, Sendable {
        /// Bits of a code, 8 or 4.
        public let bits: Int
        /// Consecutive inputs that share a scale: 32, 64 or 128.
        public let groupSize: Int

        public init(bits: Int, groupSize: Int) {
            precondition(Self.bitWidths.contains(bits) && Self.groupSizes.contains(groupSize), "no such scheme")
            self.bits = bits
            self.groupSize = groupSize
        }

        public static let bitWidths = [4, 8]
        public static let groupSizes = [32, 64, 128]
    }

    /// Of every linear layer that is not named; `nil` leaves those alone.
    public let linear: Scheme?
    /// Of layers by their names, such as `lm_head`.
    public let named: [String: Scheme]
    /// Names of layers that are left alone.
    public let ignored: Set<String>

    public init(linear: Scheme?, named: [String: Scheme] = [:], ignored: Set<String> = []) {
        self.linear = linear
        self.named = named
        self.ignored = ignored
    }

    /// How a layer is stored, or `nil` for one of floats.
    ///
    /// - Parameter layer: The name of its weight without `.weight`. Embeddings are no linear layers.
    public func scheme(of layer: String) -> Scheme? {
        if ignored.contains(layer) || layer + ".weight" == LlamaTensorName.embedding { return nil }
        return named[layer] ?? linear
    }

    /// The value of `quantization_config`.
    public var json: JSONObject {
        var groups: [(targets: [String], scheme: Scheme)] = linear.map { [(["Linear"], $0)] } ?? []
        for scheme in Set(named.values).sorted(by: { ($0.bits, $0.groupSize) < ($1.bits, $1.groupSize) }) {
            groups.append((named.keys.filter { named[$0] == scheme }.sorted(), scheme))
        }
        var object = JSONObject()
        for (index, group) in groups.enumerated() {
            object["group_\(index)"] = .object(
                JSONObject([
                    "targets": .array(group.targets.map { .string($0) }), "weights": .object(Self.json(group.scheme)),
                    "input_activations": .null, "output_activations": .null,
                ]))
        }
        return JSONObject([
            "quant_method": .string(Self.method), "format": .string(Self.layout),
            "quantization_status": .string("compressed"), "config_groups": .object(object),
            "ignore": .array(ignored.sorted().map { .string($0) }), "kv_cache_scheme": .null,
            "global_compression_ratio": .null,
        ])
    }

    private static func json(_ scheme: Scheme) -> JSONObject {
        JSONObject([
            "num_bits": .integer(Int64(scheme.bits)), "type": .string("int"), "symmetric": .bool(true),
            "strategy": .string("group"), "group_size": .integer(Int64(scheme.groupSize)), "dynamic": .bool(false),
            "actorder": .null,
        ])
    }

    static let method = "compressed-tensors"
    static let layout = "pack-quantized"
}

/// The names of the tensors that hold a layer of integers.
public enum QuantizedTensorName {
    /// The codes, I32, `[outputs, inputs · bits / 32]`.
    public static func codes(_ layer: String) -> String { layer + ".weight_packed" }
    /// The scales, BF16, `[outputs, inputs / group]`.
    public static func scales(_ layer: String) -> String { layer + ".weight_scale" }
    /// The numbers of outputs and inputs, I64, `[2]`.
    public static func shape(_ layer: String) -> String { layer + ".weight_shape" }
}
