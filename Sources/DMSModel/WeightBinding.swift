public import DMSCheckpoint
public import DMSTensor

extension LlamaWeights {
    /// Binds a checkpoint's tensors to the graph.
    ///
    /// Matrices are used where they are mapped, those of integers too. They are copied only where the precision asks for
    /// another type (F32 or F16 files in BF16 precision) or the file does not align them. Where there is a ``PanelsFile``
    /// with what the precision multiplies, its panels are used instead. (What is wanted in panels and does not lie so,
    /// ``LlamaModel`` lays out.)
    ///
    /// - Parameter layout: With `.rows`, panels beside the checkpoint are left alone.
    /// - Throws: `CheckpointError` for missing, unexpected or mis-shaped tensors, ``MemoryError`` for copies that do not
    ///   fit.
    public convenience init(
        _ directory: ModelDirectory, precision: Precision, layout: WeightLayout = .stored,
        kernels: any InferenceKernels
    ) throws {
        let binder = try WeightBinder(
            directory, precision: precision, layout: layout, kernels: kernels,
            panels: layout == .rows ? nil : try PanelsFile(directory))
        let configuration = directory.configuration
        let hidden = configuration.hiddenSize
        let embedding = try binder.matrix(
            LlamaTensorName.embeddingLayer, outputs: configuration.vocabularySize, inputs: hidden)
        let head =
            try binder.head(outputs: configuration.vocabularySize, inputs: hidden) ?? embedding
        let layers = try (0..<configuration.layerCount).map { try binder.layer($0) }
        self.init(
            embedding: embedding, layers: layers, finalNorm: try binder.norm("model.norm", count: hidden), head: head)
    }
}

/// Turns named tensors into weights.
struct WeightBinder {
    private let directory: ModelDirectory
    private let hasGateAdapters: Bool
    private let precision: Precision
    private let layout: WeightLayout
    private let kernels: any InferenceKernels
    private let panels: PanelsFile?

    /// - Throws: `CheckpointError` for missing, unexpected or mis-shaped tensors.
    init(
        _ directory: ModelDirectory, precision: Precision, layout: WeightLayout, kernels: any InferenceKernels,
        panels: PanelsFile?
    ) throws {
        try directory.validateWeights()
        self.directory = directory
        hasGateAdapters = directory.hasGateAdapters
        self.precision = precision
        self.layout = layout
        self.kernels = kernels
        self.panels = panels
    }

    func layer(_ index: Int) throws -> LlamaLayerWeights {
        let configuration = directory.configuration
        let prefix = "model.layers.\(index)"
        let hidden = configuration.hiddenSize
        let feedForward = configuration.intermediateSize
        let queryWidth = configuration.headCount * configuration.headDimension
        let keyWidth = configuration.keyValueHeadCount * configuration.headDimension
        let attentionBias = configuration.hasAttentionBias
        let feedForwardBias = configuration.hasFeedForwardBias
        func attention(_ name: String, _ outputs: Int, _ inputs: Int) throws -> LinearWeight {
            try linear("\(prefix).self_attn.\(name)", outputs: outputs, inputs: inputs, hasBias: attentionBias)
        }
        func mlp(_ name: String, _ outputs: Int, _ inputs: Int) throws -> LinearWeight {
            try linear("\(prefix).mlp.\(name)", outputs: outputs, inputs: inputs, hasBias: feedForwardBias)
        }
        let headDimension = configuration.headDimension
        let headNorms =
            configuration.family.normalizesHeads
            ? HeadNorms(
                query: try norm("\(prefix).self_attn.q_norm", count: headDimension),
                key: try norm("\(prefix).self_attn.k_norm", count: headDimension)) : nil
        return LlamaLayerWeights(
            attentionNorm: try norm("\(prefix).input_layernorm", count: hidden),
            query: try attention("q_proj", queryWidth, hidden), key: try attention("k_proj", keyWidth, hidden),
            value: try attention("v_proj", keyWidth, hidden), output: try attention("o_proj", hidden, queryWidth),
            headNorms: headNorms, feedForwardNorm: try norm("\(prefix).post_attention_layernorm", count: hidden),
            gate: try mlp("gate_proj", feedForward, hidden), up: try mlp("up_proj", feedForward, hidden),
            down: try mlp("down_proj", hidden, feedForward),
            gateAdapter: hasGateAdapters ? try gateAdapter(index) : nil)
    }

    private func gateAdapter(_ index: Int) throws -> GateAdapter {
        let configuration = directory.configuration
        let layer = GateAdapterTensorName.projectionLayer(index)
        return GateAdapter(
            norm: NormWeight(
                try widened(GateAdapterTensorName.norm(index), count: configuration.hiddenSize),
                count: configuration.hiddenSize),
            projection: try floats(
                layer, outputs: configuration.keyValueHeadCount, inputs: configuration.hiddenSize,
                hasBias: configuration.hasAttentionBias))
    }

    /// A layer's weight: its panels where there are such and the precision multiplies them.
    func linear(_ name: String, outputs: Int, inputs: Int, hasBias: Bool = false) throws -> LinearWeight {
        guard let panels, try usesPanels(of: name) else {
            return try matrix(name, outputs: outputs, inputs: inputs, hasBias: hasBias)
        }
        return try panels.weight(
            name, outputs: outputs, inputs: inputs, format: panelFormat(of: name),
            bias: hasBias ? try widened("\(name).bias", count: outputs) : nil)
    }

    /// The head's weight; `nil` where that is the embedding as it is.
    func head(outputs: Int, inputs: Int) throws -> LinearWeight? {
        if directory.configuration.tiesEmbeddings {
            guard panels != nil, try usesPanels(of: LlamaTensorName.headLayer) else { return nil }
        }
        return try linear(LlamaTensorName.headLayer, outputs: outputs, inputs: inputs)
    }

    /// Panels of floats are BF16, which is what FP32 precision wants only where the checkpoint has BF16, too.
    private func usesPanels(of name: String) throws -> Bool {
        guard kernels.takesPanels(panelFormat(of: name), layout: layout) else { return false }
        if directory.configuration.quantization?.scheme(of: name) != nil { return precision == .int8 }
        return try precision != .fp32 || tensor("\(stored(name)).weight").dtype == .bfloat16
    }

    /// What a layer's weight is in panels.
    func panelFormat(of name: String) -> WeightFormat {
        directory.configuration.quantization?.scheme(of: name).map { .panels(GroupedFormat($0)) } ?? .bfloat16Panels
    }

    /// The layer as the checkpoint calls it: a tied head is the embedding.
    private func stored(_ name: String) -> String {
        guard directory.configuration.tiesEmbeddings, name == LlamaTensorName.headLayer else { return name }
        return LlamaTensorName.embeddingLayer
    }

    /// A weight as the checkpoint has it.
    func matrix(_ name: String, outputs: Int, inputs: Int, hasBias: Bool = false) throws -> LinearWeight {
        if let scheme = directory.configuration.quantization?.scheme(of: name) {
            return try grouped(name, outputs: outputs, inputs: inputs, GroupedFormat(scheme), hasBias: hasBias)
        }
        return try floats(stored(name), outputs: outputs, inputs: inputs, hasBias: hasBias)
    }

    private func floats(_ name: String, outputs: Int, inputs: Int, hasBias: Bool) throws -> LinearWeight {
        let tensor = try tensor("\(name).weight")
        let bias = hasBias ? try widened("\(name).bias", count: outputs) : nil
        let type = ScalarType(tensor.dtype)
        // The kernels widen BF16 in registers; F16 is widened once, here.
        let wanted = precision != .fp32 ? ScalarType.bfloat16 : type == .float16 ? .float32 : type
        guard let base = tensor.bytes.baseAddress else { preconditionFailure("an empty tensor passed validation") }
        if type == wanted, Int(bitPattern: base) % type.byteCount == 0 {
            return LinearWeight(
                outputs: outputs, inputs: inputs, type: type, pointer: base, bias: bias, owner: tensor.owner)
        }
        let copy = try HostBuffer(byteCount: outputs * inputs * wanted.byteCount)
        try convert(tensor, to: copy, wanted, count: outputs * inputs)
        return LinearWeight(
            outputs: outputs, inputs: inputs, type: wanted, pointer: UnsafeRawPointer(copy.pointer), bias: bias,
            owner: copy)
    }

    private func grouped(
        _ name: String, outputs: Int, inputs: Int, _ format: GroupedFormat, hasBias: Bool
    ) throws -> LinearWeight {
        let codes = try tensor(QuantizedTensorName.codes(name))
        let scales = try tensor(QuantizedTensorName.scales(name))
        let bias = hasBias ? try widened("\(name).bias", count: outputs) : nil
        let parts = GroupedParts(codes: try aligned(codes), scales: try aligned(scales))
        return LinearWeight(
            outputs: outputs, inputs: inputs, format: format, pointer: parts.codes.pointer,
            scales: parts.scales.pointer.assumingMemoryBound(to: UInt16.self), bias: bias, owner: parts)
    }

    /// Where a tensor is mapped, or a copy where the file leaves it at an odd address.
    private func aligned(_ tensor: MappedTensor) throws(MemoryError) -> GroupedParts.Part {
        guard let base = tensor.bytes.baseAddress else { preconditionFailure("an empty tensor passed validation") }
        if tensor.isAligned { return (base, tensor.owner) }
        let copy = try HostBuffer(byteCount: tensor.bytes.count)
        copy.pointer.copyMemory(from: base, byteCount: tensor.bytes.count)
        return (UnsafeRawPointer(copy.pointer), copy)
    }

    /// A tensor whose presence, shape and type have been validated.
    private func tensor(_ name: String) throws -> MappedTensor {
        guard let tensor = directory.weights[name] else {
            throw CheckpointError(file: directory.path, .tensor(name), found: "no such tensor", required: "the tensor")
        }
        return tensor
    }

    func norm(_ name: String, count: Int) throws -> NormWeight {
        NormWeight(try widened("\(name).weight", count: count), count: count)
    }

    private func widened(_ name: String, count: Int) throws -> HostBuffer {
        let tensor = try tensor(name)
        let buffer = try HostBuffer(byteCount: count * 4)
        try convert(tensor, to: buffer, .float32, count: count)
        return buffer
    }

    /// Converts by way of an aligned copy where the file leaves a tensor at an odd address.
    private func convert(_ tensor: MappedTensor, to buffer: HostBuffer, _ type: ScalarType, count: Int) throws {
        guard let base = tensor.bytes.baseAddress else { return }
        let source = ScalarType(tensor.dtype)
        if Int(bitPattern: base) % source.byteCount == 0 {
            kernels.convert(base, source, to: buffer.pointer, type, count: count)
            return
        }
        let aligned = try HostBuffer(byteCount: tensor.bytes.count)
        aligned.pointer.copyMemory(from: base, byteCount: tensor.bytes.count)
        kernels.convert(aligned.pointer, source, to: buffer.pointer, type, count: count)
    }
}

/// What keeps the two parts of a grouped weight alive, which may lie in two files.
private final class GroupedParts {
    typealias Part = (pointer: UnsafeRawPointer, owner: AnyObject)
    let codes: Part
    let scales: Part

    init(codes: Part, scales: Part) {
        self.codes = codes
        self.scales = scales
    }
}

extension GroupedFormat {
    /// The format of a layer in a file.
    public init(_ scheme: WeightQuantization.Scheme) {
        self.init(scheme.bits == 8 ? .int8 : .int4, groupSize: scheme.groupSize)
    }
}

extension ScalarType {
    /// The element type of a weight in a file.
    public init(_ type: TensorDataType) {
        switch type {
        case .bfloat16: self = .bfloat16
        case .float16: self = .float16
        case .float32: self = .float32
        default: preconditionFailure("a tensor of type \(type.rawValue) passed validation")
        }
    }
}
