public import DMSCheckpoint
public import DMSTensor

extension LlamaWeights {
    /// Random weights of a real shape, made in memory: for benchmarks and tests, which need the cost and not the sense.
    ///
    /// Matrices are uniform with the standard deviation `1/sqrt(inputs)`, so that activations keep their scale; norms
    /// are 1. The same seed gives the same weights.
    ///
    /// - Parameters:
    ///   - type: Of the matrices, and of the embedding in any case.
    ///   - grouped: What the linear layers are stored as instead; the head is then a matrix of its own.
    ///   - headType: The bits of that.
    ///   - adapters: Whether gates are adapters; all other weights are the same with and without them.
    /// - Throws: ``MemoryError`` when they do not fit.
    public static func random(
        _ configuration: LlamaConfiguration, type: ScalarType = .bfloat16, grouped: GroupedFormat? = nil,
        headType: GroupedFormat.IntegerType = .int8, adapters: Bool = false, seed: UInt64
    ) throws(MemoryError) -> LlamaWeights {
        var adapterMaker = RandomWeightMaker(type: type, seed: ~seed)
        var maker = RandomWeightMaker(type: type, seed: seed)
        let hidden = configuration.hiddenSize
        let queryWidth = configuration.headCount * configuration.headDimension
        let keyWidth = configuration.keyValueHeadCount * configuration.headDimension
        let feedForward = configuration.intermediateSize
        let embedding = try maker.linear(outputs: configuration.vocabularySize, inputs: hidden)
        maker.grouped = grouped
        var layers: [LlamaLayerWeights] = []
        for _ in 0..<configuration.layerCount {
            layers.append(
                LlamaLayerWeights(
                    attentionNorm: try maker.norm(hidden),
                    query: try maker.linear(outputs: queryWidth, inputs: hidden),
                    key: try maker.linear(outputs: keyWidth, inputs: hidden),
                    value: try maker.linear(outputs: keyWidth, inputs: hidden),
                    output: try maker.linear(outputs: hidden, inputs: queryWidth),
                    headNorms: configuration.family.normalizesHeads
                        ? HeadNorms(
                            query: try maker.norm(configuration.headDimension),
                            key: try maker.norm(configuration.headDimension)) : nil,
                    feedForwardNorm: try maker.norm(hidden),
                    gate: try maker.linear(outputs: feedForward, inputs: hidden),
                    up: try maker.linear(outputs: feedForward, inputs: hidden),
                    down: try maker.linear(outputs: hidden, inputs: feedForward),
                    gateAdapter: adapters ? try adapterMaker.gateAdapter(configuration) : nil))
        }
        maker.grouped = grouped.map { GroupedFormat(headType, groupSize: $0.groupSize) }
        let head =
            configuration.tiesEmbeddings && grouped == nil
            ? embedding : try maker.linear(outputs: configuration.vocabularySize, inputs: hidden)
        return LlamaWeights(
            embedding: embedding, layers: layers, finalNorm: try maker.norm(hidden), head: head)
    }
}

private struct RandomWeightMaker {
    let type: ScalarType
    /// What follows is of this format.
    var grouped: GroupedFormat?
    var state: UInt64

    init(type: ScalarType, seed: UInt64) {
        precondition(type == .bfloat16 || type == .float32, "random weights of type \(type.name)")
        self.type = type
        state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    /// Four 16-bit values per draw of xorshift64* (Marsaglia 2003, Vigna 2016): 1.2 billion weights take seconds.
    mutating func linear(outputs: Int, inputs: Int) throws(MemoryError) -> LinearWeight {
        if let grouped { return try integers(grouped, outputs: outputs, inputs: inputs) }
        let count = outputs * inputs
        let buffer = try HostBuffer(byteCount: (count + 3) / 4 * 4 * type.byteCount)
        // Uniform on ±a has the standard deviation a/sqrt(3).
        let unit = Float(3).squareRoot() / Float(inputs).squareRoot() / 32768
        let draws = (count + 3) / 4
        for draw in 0..<draws {
            let bits = next()
            for lane in 0..<4 {
                let value = Float(Int16(truncatingIfNeeded: bits >> UInt64(16 * lane))) * unit
                if type == .bfloat16 {
                    buffer.pointer.storeBytes(
                        of: UInt16(truncatingIfNeeded: value.bitPattern >> 16), toByteOffset: (draw * 4 + lane) * 2,
                        as: UInt16.self)
                } else {
                    buffer.pointer.storeBytes(of: value, toByteOffset: (draw * 4 + lane) * 4, as: Float.self)
                }
            }
        }
        return LinearWeight(
            outputs: outputs, inputs: inputs, type: type, pointer: UnsafeRawPointer(buffer.pointer), owner: buffer)
    }

    private mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }

    /// Random codes under one scale.
    private mutating func integers(
        _ format: GroupedFormat, outputs: Int, inputs: Int
    ) throws(MemoryError) -> LinearWeight {
        let codeBytes = (format.codeBytes(outputs: outputs, inputs: inputs) + 7) / 8 * 8
        let scaleBytes = format.scaleBytes(outputs: outputs, inputs: inputs)
        let buffer = try HostBuffer(byteCount: codeBytes + scaleBytes)
        for offset in stride(from: 0, to: codeBytes, by: 8) {
            buffer.pointer.storeBytes(of: next(), toByteOffset: offset, as: UInt64.self)
        }
        // 2^bits codes at equal distances have that standard deviation but for a twelfth.
        let scale = Float(12).squareRoot() / Float(1 << format.type.bitWidth) / Float(inputs).squareRoot()
        let scales = (buffer.pointer + codeBytes).assumingMemoryBound(to: UInt16.self)
        scales.update(repeating: UInt16(truncatingIfNeeded: scale.bitPattern >> 16), count: scaleBytes / 2)
        return LinearWeight(
            outputs: outputs, inputs: inputs, format: format, pointer: UnsafeRawPointer(buffer.pointer),
            scales: UnsafePointer(scales), owner: buffer)
    }

    /// A gate that evicts about half of all tokens, whatever the scale of the residual stream.
    mutating func gateAdapter(_ configuration: LlamaConfiguration) throws(MemoryError) -> GateAdapter {
        let hidden = configuration.hiddenSize
        let buffer = try HostBuffer(byteCount: hidden * 4)
        for index in 0..<hidden {
            let weight = 1 + Float(Int16(truncatingIfNeeded: next() >> 48)) / 65536
            buffer.pointer.storeBytes(of: weight, toByteOffset: index * 4, as: Float.self)
        }
        return GateAdapter(
            norm: NormWeight(buffer, count: hidden),
            projection: try linear(outputs: configuration.keyValueHeadCount, inputs: hidden))
    }

    func norm(_ count: Int) throws(MemoryError) -> NormWeight {
        let buffer = try HostBuffer(byteCount: count * 4)
        for index in 0..<count {
            buffer.pointer.storeBytes(of: Float(1), toByteOffset: index * 4, as: Float.self)
        }
        return NormWeight(buffer, count: count)
    }
}
