import DMSCache
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Foundation

/// What attention is given for one sequence: random queries, keys, values and decisions of every layer and token.
struct Script {
    let shape: AttentionShape
    let layers: Int
    let count: Int
    /// `[layer][token][heads · d]`.
    var queries: [[[Float]]] = []
    var keys: [[[Float]]] = []
    var values: [[[Float]]] = []
    /// `[layer][token][KV head]`: what the token decides.
    var decisions: [[[Bool]]] = []

    init(
        _ shape: AttentionShape, layers: Int, count: Int, seed: UInt64,
        evicts: (_ layer: Int, _ head: Int, _ token: Int, _ random: inout SeededGenerator) -> Bool
    ) {
        self.shape = shape
        self.layers = layers
        self.count = count
        var random = SeededGenerator(seed: seed)
        func rows(_ width: Int) -> [[Float]] {
            (0..<count).map { _ in (0..<width).map { _ in 2 * random.signed() } }
        }
        for layer in 0..<layers {
            queries.append(rows(shape.queryHeads * shape.headDimension))
            keys.append(rows(shape.keyValueHeads * shape.headDimension))
            values.append(rows(shape.keyValueHeads * shape.headDimension))
            decisions.append(
                (0..<count).map { token in
                    (0..<shape.keyValueHeads).map { evicts(layer, $0, token, &random) }
                })
        }
    }

    /// Decisions at random, `rate` of them to evict.
    init(_ shape: AttentionShape, layers: Int = 2, count: Int, rate: Float = 0.6, seed: UInt64) {
        self.init(shape, layers: layers, count: count, seed: seed) { _, _, _, random in
            Float.random(in: 0..<1, using: &random) < rate
        }
    }

    /// What the strict mask computes, in FP64 and O(n²), `[layer][token][queryHeads · d]`.
    func strictMask(rule: RetentionRule?, assembly: DecisionAssembly) -> [[[Double]]] {
        (0..<layers).map { layer in (0..<count).map { expected(layer, $0, rule, assembly) } }
    }

    private func expected(_ layer: Int, _ query: Int, _ rule: RetentionRule?, _ assembly: DecisionAssembly) -> [Double]
    {
        let width = shape.headDimension
        return (0..<shape.queryHeads).flatMap { head -> [Double] in
            let shared = head / shape.groupSize
            let visible = (0...query).filter { key in
                guard let rule else { return true }
                let decider = assembly.decider(of: key)
                let evicted = decider < count && decisions[layer][decider][shared]
                return rule.isVisible(key: key, query: query, evicted: evicted)
            }
            let scores = visible.map { key in
                (0..<width).reduce(0.0) {
                    $0 + Double(queries[layer][query][head * width + $1])
                        * Double(keys[layer][key][shared * width + $1])
                } * Double(shape.scale)
            }
            let largest = scores.max() ?? 0
            let weights = scores.map { exp($0 - largest) }
            let total = weights.reduce(0, +)
            return (0..<width).map { channel in
                zip(visible, weights).reduce(0.0) {
                    $0 + $1.1 * Double(values[layer][$1.0][shared * width + channel])
                } / total
            }
        }
    }
}

/// Runs scripts through an operator, several sequences in a pass, and gathers what attention computed.
final class Player {
    private let scripts: [Int: Script]
    private(set) var outputs: [Int: [[[Float]]]]
    var positions: [Int: Int]
    private let usesDecisions: Bool
    private let firstToken: Int

    /// - Parameters:
    ///   - scripts: By sequence number; all of one shape and depth.
    ///   - positions: Where to begin in each script, when not at its start.
    init(_ scripts: [Int: Script], usesDecisions: Bool = true, positions: [Int: Int] = [:]) {
        self.scripts = scripts
        self.usesDecisions = usesDecisions
        firstToken = 0
        self.positions = scripts.mapValues { _ in 0 }.merging(positions) { $1 }
        outputs = scripts.mapValues { script in Array(repeating: [], count: script.layers) }
    }

    /// Plays scripts whose first token is at `position`.
    init(_ scripts: [Int: Script], looping position: Int) {
        self.scripts = scripts
        usesDecisions = true
        firstToken = position
        positions = scripts.mapValues { _ in position }
        outputs = scripts.mapValues { script in Array(repeating: [], count: script.layers) }
    }

    /// One pass over the next tokens of some sequences, in the order given.
    func pass(_ parts: [(sequence: Int, count: Int)], _ attention: any AttentionOperator) throws {
        guard let first = parts.first, let shape = scripts[first.sequence]?.shape else { return }
        let layers = scripts[first.sequence]?.layers ?? 0
        var batch = ForwardBatch()
        for part in parts {
            batch.append(
                sequence: part.sequence, tokens: Array(repeating: Int32(0), count: part.count),
                firstPosition: positions[part.sequence] ?? 0)
        }
        let width = shape.queryHeads * shape.headDimension
        let narrow = shape.keyValueHeads * shape.headDimension
        let queries = try Tensor(rows: batch.rowCount, columns: width)
        let keys = try Tensor(rows: batch.rowCount, columns: narrow)
        let values = try Tensor(rows: batch.rowCount, columns: narrow)
        let output = try Tensor(rows: batch.rowCount, columns: width)
        try attention.begin(batch)
        for layer in 0..<layers {
            var flags: [UInt8] = []
            for span in batch.spans {
                guard let script = scripts[span.sequence] else { continue }
                for row in span.rows {
                    let token = span.firstPosition + row - span.rows.lowerBound - firstToken
                    copy(script.queries[layer][token], to: queries.view.row(row))
                    copy(script.keys[layer][token], to: keys.view.row(row))
                    copy(script.values[layer][token], to: values.view.row(row))
                    flags += script.decisions[layer][token].map { $0 ? 1 : 0 }
                }
            }
            try flags.withUnsafeBufferPointer { flags in
                let decisions = flags.baseAddress.map {
                    EvictionDecisions(flags: $0, rows: batch.rowCount, heads: shape.keyValueHeads)
                }
                let input = AttentionInput(
                    queries: queries.view, keys: keys.view, values: values.view,
                    decisions: usesDecisions ? decisions : nil)
                try attention.attend(layer: layer, input, into: output.view)
            }
            for span in batch.spans {
                outputs[span.sequence]?[layer] += span.rows.map { Array(output.view.row($0)) }
            }
        }
        attention.finish(batch)
        for part in parts { positions[part.sequence, default: 0] += part.count }
    }

    /// Runs one sequence in pieces.
    func play(_ sequence: Int = 0, pieces: [Int], _ attention: any AttentionOperator) throws {
        for count in pieces { try pass([(sequence, count)], attention) }
    }

    private func copy(_ source: [Float], to row: UnsafeMutableBufferPointer<Float>) {
        for (index, value) in source.enumerated() { row[index] = value }
    }
}

/// The largest difference, relative to the largest expected value.
func relativeError(_ found: [[[Float]]], _ expected: [[[Double]]]) -> Double {
    var difference = 0.0
    var largest = 0.0
    for (foundRow, expectedRow) in zip(found.joined(), expected.joined()) {
        precondition(foundRow.count == expectedRow.count, "rows of another width")
        for (a, b) in zip(foundRow, expectedRow) {
            difference = max(difference, abs(Double(a) - b))
            largest = max(largest, abs(b))
        }
    }
    return difference / largest
}

/// Cuts a length into random pieces, many of them single tokens.
func randomPieces(_ total: Int, _ random: inout SeededGenerator) -> [Int] {
    var pieces: [Int] = []
    var left = total
    while left > 0 {
        let piece = Bool.random(using: &random) ? 1 : min(left, Int.random(in: 1...max(1, total / 2), using: &random))
        pieces.append(piece)
        left -= piece
    }
    return pieces
}

/// A retention by its numbers.
func retention(window: Int, shift: Int = 0) throws -> (rule: RetentionRule, assembly: DecisionAssembly) {
    (try RetentionRule(window: window), try DecisionAssembly(shift: shift))
}

func cache(
    _ script: Script, _ retention: (rule: RetentionRule, assembly: DecisionAssembly)?,
    _ configuration: CacheConfiguration = CacheConfiguration.checked(slotsPerPage: 4, rowsPerBlock: 5), threads: Int = 1
) throws -> CompactAttention {
    CompactAttention(
        shape: script.shape, layerCount: script.layers, precision: .fp32, kernels: try CPUKernels(threads: threads),
        configuration: configuration, retention: retention)
}

extension CacheConfiguration {
    /// Verifies the cache's invariants after every operation.
    static func checked(
        kvType: ScalarType = .float32, slotsPerPage: Int = 32, budgetBytes: Int? = nil, rowsPerBlock: Int = 64,
        draftRows: Int = 0
    ) -> CacheConfiguration {
        var configuration = CacheConfiguration(
            kvType: kvType, slotsPerPage: slotsPerPage, budgetBytes: budgetBytes, rowsPerBlock: rowsPerBlock,
            draftRows: draftRows)
        configuration.checksInvariants = true
        return configuration
    }
}
