import DMSCheckpoint
public import DMSModel
import DMSTensor

/// The graph of Llama and its kin once more, in FP64 and the plainest loops: the oracle of the fast one.
///
/// It shares no kernel, no cache and no rule with the product; what is evicted is handed in as a matrix of who sees
/// whom.
public struct ReferenceLlama {
    let configuration: LlamaConfiguration
    let weights: LlamaWeights

    public init(_ model: LlamaModel) {
        configuration = model.configuration
        weights = model.weights
    }

    /// Whether a query sees a key, per layer and KV head.
    public typealias Visibility = (_ layer: Int, _ head: Int, _ key: Int, _ query: Int) -> Bool

    /// How the borrowed query channel is treated.
    public struct Borrowed {
        public var channel: Int
        public var zeroBeforeRope: Bool
        public var zeroAfterRope: Bool

        public init(channel: Int, zeroBeforeRope: Bool, zeroAfterRope: Bool) {
            self.channel = channel
            self.zeroBeforeRope = zeroBeforeRope
            self.zeroAfterRope = zeroAfterRope
        }
    }

    /// Logits of every token, `[tokens][vocabulary]`, and what the gate read, `[layer][token][head]`.
    ///
    /// - Parameters:
    ///   - borrowed: The borrowed channel, if the gate is one.
    ///   - adapters: Whether the gate is read from the residual stream, as it enters a layer.
    ///   - visible: Given the gate's raw values up to and including a layer, who sees whom in it.
    public func forward(
        _ tokens: [Int32], borrowed: Borrowed? = nil, adapters: Bool = false,
        visible: (_ raw: [[[Double]]]) -> Visibility = { _ in { _, _, key, query in key <= query } }
    ) -> (logits: [[Double]], raw: [[[Double]]]) {
        let d = configuration.headDimension
        let group = configuration.headCount / configuration.keyValueHeadCount
        let frequencies = configuration.rope.inverseFrequencies(headDimension: d).map(Double.init)
        var x = tokens.map { token in row(weights.embedding, Int(token)) }
        var raw: [[[Double]]] = []
        for (index, layer) in weights.layers.enumerated() {
            let normed = x.map { norm($0, layer.attentionNorm) }
            var q = normed.map { apply(layer.query, $0) }
            var k = normed.map { apply(layer.key, $0) }
            let v = normed.map { apply(layer.value, $0) }
            if let norms = layer.headNorms {
                q = q.map { normHeads($0, norms.query) }
                k = k.map { normHeads($0, norms.key) }
            }
            if adapters, let gate = layer.gateAdapter {
                raw.append(x.map { apply(gate.projection, norm($0, gate.norm)) })
            } else if let borrowed {
                let columns = (0..<configuration.keyValueHeadCount).map { $0 * group * d + borrowed.channel }
                raw.append(q.map { query in columns.map { query[$0] } })
                if borrowed.zeroBeforeRope { for t in q.indices { for c in columns { q[t][c] = 0 } } }
            }
            for t in q.indices {
                rotate(&q[t], position: t, frequencies)
                rotate(&k[t], position: t, frequencies)
            }
            if let borrowed, borrowed.zeroAfterRope {
                for t in q.indices {
                    for head in 0..<configuration.keyValueHeadCount { q[t][head * group * d + borrowed.channel] = 0 }
                }
            }
            let sees = visible(raw)
            for t in x.indices {
                var attended = [Double](repeating: 0, count: q[t].count)
                for head in 0..<configuration.headCount {
                    let kv = head / group
                    let keys = (0...t).filter { sees(index, kv, $0, t) }
                    let scores = keys.map { key in
                        (0..<d).reduce(0.0) { $0 + q[t][head * d + $1] * k[key][kv * d + $1] } / Double(d).squareRoot()
                    }
                    let top = scores.max() ?? 0
                    let weightsOfKeys = scores.map { exponential($0 - top) }
                    let total = weightsOfKeys.reduce(0, +)
                    for (key, weight) in zip(keys, weightsOfKeys) {
                        for c in 0..<d { attended[head * d + c] += weight / total * v[key][kv * d + c] }
                    }
                }
                x[t] = add(x[t], apply(layer.output, attended))
            }
            for t in x.indices {
                let hidden = norm(x[t], layer.feedForwardNorm)
                let gate = apply(layer.gate, hidden)
                let up = apply(layer.up, hidden)
                x[t] = add(x[t], apply(layer.down, zip(gate, up).map { $0 / (1 + exponential(-$0)) * $1 }))
            }
        }
        return (x.map { apply(weights.head, norm($0, weights.finalNorm)) }, raw)
    }

    private func row(_ weight: LinearWeight, _ index: Int) -> [Double] {
        (0..<weight.inputs).map { column in
            let offset = index * weight.inputs + column
            switch weight.format {
            case .floats(.float32): return Double(weight.pointer.load(fromByteOffset: offset * 4, as: Float.self))
            case .floats(.float16): return Double(weight.pointer.load(fromByteOffset: offset * 2, as: Float16.self))
            case .grouped(let format):
                let byte = weight.pointer.load(
                    fromByteOffset: format.type == .int8 ? offset : offset / 2, as: UInt8.self)
                let code = format.type == .int8 ? Int(byte) - 128 : Int(offset % 2 == 0 ? byte & 15 : byte >> 4) - 8
                let bits = UInt32(weight.scales?[offset / format.groupSize] ?? 0) << 16
                return Double(code) * Double(Float(bitPattern: bits))
            case .panels, .bfloat16Panels: preconditionFailure("a reference of weights in panels")
            default:
                let bits = UInt32(weight.pointer.load(fromByteOffset: offset * 2, as: UInt16.self)) << 16
                return Double(Float(bitPattern: bits))
            }
        }
    }

    private func apply(_ weight: LinearWeight, _ x: [Double]) -> [Double] {
        (0..<weight.outputs).map { output in
            let bias = weight.biasPointer.map { Double($0[output]) } ?? 0
            return zip(row(weight, output), x).reduce(bias) { $0 + $1.0 * $1.1 }
        }
    }

    private func norm(_ x: [Double], _ weight: NormWeight) -> [Double] {
        let square = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
        let factor = 1 / (square + Double(configuration.normEpsilon)).squareRoot()
        return x.enumerated().map { $1 * factor * Double(weight.pointer[$0]) }
    }

    private func normHeads(_ x: [Double], _ weight: NormWeight) -> [Double] {
        stride(from: 0, to: x.count, by: weight.count).flatMap { norm(Array(x[$0..<$0 + weight.count]), weight) }
    }

    private func rotate(_ x: inout [Double], position: Int, _ frequencies: [Double]) {
        let half = frequencies.count
        for base in stride(from: 0, to: x.count, by: 2 * half) {
            for j in 0..<half {
                let angle = Double(position) * frequencies[j]
                let (a, b) = (x[base + j], x[base + j + half])
                x[base + j] = a * cosine(angle) - b * sine(angle)
                x[base + j + half] = b * cosine(angle) + a * sine(angle)
            }
        }
    }

    private func add(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 + $1 } }
}
