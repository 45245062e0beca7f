import DMSModel
import DMSTensor

/// Speed of one kind of linear layer.
public struct ProductResult: Sendable, Hashable {
    /// As checkpoints call it; layers that read the same input are one call.
    public var name: String
    /// Output features of the call.
    public var outputs: Int
    /// Input features.
    public var inputs: Int
    /// Rows of the input.
    public var rows: Int
    /// The median over all layers and rounds.
    public var seconds: Double
    /// Bytes of weights that a call reads.
    public var weightBytes: Int

    /// Multiplications and additions per second.
    public var operationsPerSecond: Double { 2 * Double(rows) * Double(outputs) * Double(inputs) / seconds }
    /// Bytes of weights per second.
    public var bytesPerSecond: Double { Double(weightBytes) / seconds }
}

extension BenchmarkRunner {
    /// Times the linear layers of a model by themselves, with so many rows each.
    ///
    /// A round calls one kind in all layers, one after the other, so that weights come from memory if they are larger
    /// than the caches.
    ///
    /// - Throws: `MemoryError` without memory for inputs and outputs.
    public func products(rows: [Int], rounds: Int) throws -> [ProductResult] {
        let weights = model.weights
        let calls: [(name: String, layers: [[LinearWeight]])] = [
            ("q_proj, k_proj, v_proj", weights.layers.map { [$0.query, $0.key, $0.value] }),
            ("o_proj", weights.layers.map { [$0.output] }),
            ("gate_proj, up_proj", weights.layers.map { [$0.gate, $0.up] }),
            ("down_proj", weights.layers.map { [$0.down] }), ("lm_head", [[weights.head]]),
        ]
        return try rows.flatMap { rows in
            try calls.map { try measure($0.name, $0.layers, rows: rows, rounds: rounds) }
        }
    }

    private func measure(_ name: String, _ layers: [[LinearWeight]], rows: Int, rounds: Int) throws -> ProductResult {
        let first = layers[0]
        let input = try Tensor(rows: rows, columns: first[0].inputs)
        for index in 0..<rows * input.columns { input.pointer[index] = Float(index % 255 - 127) / 127 }
        let outputs = try Tensor(rows: 1, columns: rows * first.reduce(0) { $0 + $1.outputs })
        var seconds: [Double] = []
        // The first round touches everything and does not count.
        for round in 0...rounds {
            for layer in layers {
                let watch = Stopwatch()
                call(layer, input.view, outputs)
                if round > 0 { seconds.append(watch.seconds) }
            }
        }
        seconds.sort()
        return ProductResult(
            name: name, outputs: first.reduce(0) { $0 + $1.outputs }, inputs: input.columns, rows: rows,
            seconds: seconds[seconds.count / 2], weightBytes: first.reduce(0) { $0 + $1.byteCount })
    }

    private func call(_ layer: [LinearWeight], _ input: MatrixView, _ outputs: borrowing Tensor) {
        var start = outputs.pointer
        let tasks = layer.map { weight in
            defer { start += input.rows * weight.outputs }
            return LinearTask(
                weight,
                into: MatrixView(pointer: start, rows: input.rows, columns: weight.outputs, stride: weight.outputs))
        }
        kernels.linear(
            input, precision: model.precision, tasks[0], tasks.count > 1 ? tasks[1] : nil,
            tasks.count > 2 ? tasks[2] : nil)
    }
}
