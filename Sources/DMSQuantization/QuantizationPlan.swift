public import DMSCheckpoint
import DMSModel
public import DMSPolicy
public import DMSTensor

/// Which layers of a model become integers, and what its files hold then.
public struct QuantizationPlan: Sendable {
    /// What the copy's configuration says of it.
    public let quantization: WeightQuantization
    let configuration: LlamaConfiguration

    /// Every linear layer, those that no group size fits refused.
    ///
    /// The embedding stays what it is: a step reads one row of it. Where it is the head too, the head becomes a matrix of
    /// its own, as a step reads all of that. Query projections that decide about eviction always have 8 bits: with 4,
    /// gates decide otherwise.
    ///
    /// - Parameters:
    ///   - head: The bits of the head, whose rounding costs more than that of all other layers together.
    ///   - gates: Where the model's eviction decisions come from; adapters stay floats.
    ///   - path: The model's folder, for errors.
    /// - Throws: `CheckpointError` for a model that is of integers already, or a layer whose inputs are no multiple of
    ///   the group size.
    public init(
        _ configuration: LlamaConfiguration, format: GroupedFormat, head: GroupedFormat.IntegerType = .int8,
        gates: DecisionSource?, path: String
    ) throws(CheckpointError) {
        let file = path + "/config.json"
        guard configuration.quantization == nil else {
            throw CheckpointError(
                file: file, .key("quantization_config"), found: "weights of integers",
                required: "a model of BF16, F16 or F32 weights: rounding twice would only lose more")
        }
        for layer in configuration.linearLayers where layer.inputs % format.groupSize != 0 {
            let fitting = GroupedFormat.groupSizes.filter { size in
                configuration.linearLayers.allSatisfy { $0.inputs % size == 0 }
            }
            throw CheckpointError(
                file: file, .tensor(layer.name + ".weight"), found: "\(layer.inputs) inputs",
                required: "a multiple of the group size, \(format.groupSize); "
                    + (fitting.isEmpty
                        ? "no group size fits this model"
                        : "this model takes groups of \(fitting.map(String.init).joined(separator: " or "))"))
        }
        self.configuration = configuration
        let scheme = WeightQuantization.Scheme(bits: format.type.bitWidth, groupSize: format.groupSize)
        var named = [
            LlamaTensorName.headLayer: WeightQuantization.Scheme(bits: head.bitWidth, groupSize: format.groupSize)
        ]
        if gates == .borrowedQueryChannel {
            for layer in 0..<configuration.layerCount {
                let name = LlamaTensorName.layer(layer, "self_attn.q_proj")
                named[name] = WeightQuantization.Scheme(bits: 8, groupSize: format.groupSize)
            }
        }
        let adapters =
            gates == .adapter ? (0..<configuration.layerCount).map(GateAdapterTensorName.projectionLayer) : []
        quantization = WeightQuantization(
            linear: scheme, named: named.filter { $0.value != scheme }, ignored: Set(adapters))
    }

    /// The layer that a tensor of the source becomes, if it becomes integers.
    func layer(of tensor: MappedTensor) -> (name: String, format: GroupedFormat)? {
        let name = String(tensor.name.dropLast(".weight".count))
        guard tensor.shape.count == 2, tensor.name.hasSuffix(".weight"), let scheme = quantization.scheme(of: name)
        else { return nil }
        return (name, GroupedFormat(scheme))
    }
}
