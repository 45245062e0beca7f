public import DMSCheckpoint
import DMSJSON
public import DMSModel
public import DMSTensor

/// The FP32 tensors of a model: master weights, or gradients of the same shape.
public final class LlamaParameters: Sendable {
    /// The tensors of one layer.
    public struct Layer {
        /// As Transformers names and shapes them, norms as one row.
        public let attentionNorm, query, key, value, output, feedForwardNorm, gate, up, down: MatrixView
        /// Over each head of queries and keys; `nil` in families without.
        public let queryNorm, keyNorm: MatrixView?
    }

    /// The model's shape.
    public let configuration: LlamaConfiguration
    /// Where all tensors lie.
    public let arena: ParameterArena
    private var tensorsPerLayer: Int { configuration.family.normalizesHeads ? 11 : 9 }

    /// Zeros.
    ///
    /// - Throws: ``TrainingError`` for a model with biases or weights of integers, `MemoryError` when the system has no such memory to give.
    public init(_ configuration: LlamaConfiguration) throws {
        try Self.requireTrainable(configuration)
        self.configuration = configuration
        arena = try ParameterArena(
            ParameterLayout(configuration.expectedTensors.map { ($0.name, $0.shape) }))
    }

    /// Refuses what training does not know, before anything is read for it.
    ///
    /// - Parameter place: What the error names.
    /// - Throws: ``TrainingError`` for a model with biases or weights of integers.
    public static func requireTrainable(
        _ configuration: LlamaConfiguration, place: String = "config.json"
    ) throws(TrainingError) {
        guard !configuration.hasAttentionBias, !configuration.hasFeedForwardBias else {
            throw TrainingError(
                "\(place): found attention_bias or mlp_bias true, required false: training knows no biases yet")
        }
        guard configuration.quantization == nil else {
            throw TrainingError(
                "\(place): found weights of integers (quantization_config), required BF16, F16 or F32: train the model "
                    + "that this one was made from, and give the result to 'dms quantize'")
        }
    }

    /// The same names over other values of the same layout, such as an optimizer's moments.
    init(_ configuration: LlamaConfiguration, arena: ParameterArena) {
        self.configuration = configuration
        self.arena = arena
    }

    /// `[vocabulary, hidden]`.
    public var embedding: MatrixView { arena.matrix(0) }

    /// The tensors of a layer counted from 0.
    public func layer(_ index: Int) -> Layer {
        let first = 1 + index * tensorsPerLayer
        let hasHeadNorms = configuration.family.normalizesHeads
        // Where there are norms of heads, they lie behind attention's matrices.
        let second = first + (hasHeadNorms ? 7 : 5)
        return Layer(
            attentionNorm: arena.matrix(first), query: arena.matrix(first + 1), key: arena.matrix(first + 2),
            value: arena.matrix(first + 3), output: arena.matrix(first + 4), feedForwardNorm: arena.matrix(second),
            gate: arena.matrix(second + 1), up: arena.matrix(second + 2), down: arena.matrix(second + 3),
            queryNorm: hasHeadNorms ? arena.matrix(first + 5) : nil,
            keyNorm: hasHeadNorms ? arena.matrix(first + 6) : nil)
    }

    /// The norm before the head, as one row.
    public var finalNorm: MatrixView { arena.matrix(1 + configuration.layerCount * tensorsPerLayer) }

    /// The embedding itself where they are tied.
    public var head: MatrixView {
        configuration.tiesEmbeddings
            ? embedding : arena.matrix(2 + configuration.layerCount * tensorsPerLayer)
    }

    /// Reads a checkpoint's weights, widened to FP32.
    ///
    /// - Throws: `CheckpointError` for missing, unexpected or mis-shaped tensors, and what ``init(_:)`` throws.
    public convenience init(_ directory: ModelDirectory, kernels: any InferenceKernels) throws {
        try directory.validateWeights()
        try self.init(directory.configuration)
        for (index, entry) in arena.layout.entries.enumerated() {
            guard let tensor = directory.weights[entry.name], let base = tensor.bytes.baseAddress else {
                throw CheckpointError(
                    file: directory.path, .tensor(entry.name), found: "no such tensor", required: "the tensor")
            }
            // A file may leave a tensor at an odd address.
            let aligned = try HostBuffer(byteCount: tensor.bytes.count)
            aligned.pointer.copyMemory(from: base, byteCount: tensor.bytes.count)
            kernels.convert(
                aligned.pointer, ScalarType(tensor.dtype), to: arena.matrix(index).pointer, .float32, count: entry.count
            )
        }
    }

    /// Random weights to train from: normal with the standard deviation `initializer_range` (0.02 where the config has
    /// none), what writes to the residual stream scaled down by `sqrt(2 · layers)` (GPT-2), norms 1.
    ///
    /// The same seed gives the same weights on every machine with the same mathematics library.
    public convenience init(random configuration: LlamaConfiguration, seed: UInt64) throws {
        try self.init(configuration)
        let range = configuration.raw["initializer_range"]?.doubleValue ?? 0.02
        guard range > 0, range < 1 else {
            throw TrainingError("config.json: initializer_range: found \(range), required a number between 0 and 1")
        }
        for (index, entry) in arena.layout.entries.enumerated() {
            let matrix = arena.matrix(index)
            if entry.shape.count == 1 {
                matrix.pointer.update(repeating: 1, count: entry.count)
                continue
            }
            let writesResidual = entry.name.hasSuffix("o_proj.weight") || entry.name.hasSuffix("down_proj.weight")
            let deviation = range / (writesResidual ? Double(2 * configuration.layerCount).squareRoot() : 1)
            var normal = NormalDraws(seed: seed, stream: index)
            for element in 0..<entry.count { matrix.pointer[element] = Float(deviation * normal.next()) }
        }
    }

    /// The weights as the inference graph binds them, in this memory.
    ///
    /// They follow what happens to it: nothing may run while a step writes.
    public func inferenceWeights() throws(MemoryError) -> LlamaWeights {
        func linear(_ matrix: MatrixView) -> LinearWeight {
            LinearWeight(
                outputs: matrix.rows, inputs: matrix.columns, type: .float32,
                pointer: UnsafeRawPointer(matrix.pointer), owner: arena)
        }
        func norm(_ matrix: MatrixView) throws(MemoryError) -> NormWeight {
            let buffer = try HostBuffer(byteCount: matrix.columns * 4)
            buffer.pointer.copyMemory(from: matrix.pointer, byteCount: matrix.columns * 4)
            return NormWeight(buffer, count: matrix.columns)
        }
        var layers: [LlamaLayerWeights] = []
        for index in 0..<configuration.layerCount {
            let layer = layer(index)
            var headNorms: HeadNorms?
            if let query = layer.queryNorm, let key = layer.keyNorm {
                headNorms = HeadNorms(query: try norm(query), key: try norm(key))
            }
            layers.append(
                LlamaLayerWeights(
                    attentionNorm: try norm(layer.attentionNorm), query: linear(layer.query), key: linear(layer.key),
                    value: linear(layer.value), output: linear(layer.output), headNorms: headNorms,
                    feedForwardNorm: try norm(layer.feedForwardNorm), gate: linear(layer.gate), up: linear(layer.up),
                    down: linear(layer.down)))
        }
        let embedding = linear(embedding)
        return LlamaWeights(
            embedding: embedding, layers: layers, finalNorm: try norm(finalNorm),
            head: configuration.tiesEmbeddings ? embedding : linear(head))
    }
}
