import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport

/// Runs a prompt in pieces and gathers the logits of every token.
func logits(
    _ model: LlamaModel, _ tokens: [Int32], pieces: [Int]? = nil, attention: any AttentionOperator,
    eviction: EvictionControl = .model, observer: (any ActivationObserver)? = nil
) throws -> [[Float]] {
    let workspace = try ForwardWorkspace(model.configuration, maximumRows: tokens.count)
    let output = try Tensor(rows: tokens.count, columns: model.configuration.vocabularySize)
    var start = 0
    for count in pieces ?? [tokens.count] {
        let batch = ForwardBatch(tokens: tokens[start..<start + count], firstPosition: start)
        let hidden = try model.forward(
            batch, attention: attention, eviction: eviction, workspace: workspace, observer: observer)
        model.logits(hidden, into: output.view.rows(start..<start + count))
        start += count
    }
    precondition(start == tokens.count, "pieces that do not add up")
    return (0..<tokens.count).map { Array(output.view.row($0)) }
}

/// Random token ids.
func randomTokens(_ count: Int, vocabulary: Int, seed: UInt64) -> [Int32] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &generator) }
}

/// Cuts a length into random pieces.
func randomPieces(_ total: Int, seed: UInt64) -> [Int] {
    var generator = SeededGenerator(seed: seed)
    var pieces: [Int] = []
    var left = total
    while left > 0 {
        let piece = min(left, Int.random(in: 1...max(1, total / 3), using: &generator))
        pieces.append(piece)
        left -= piece
    }
    return pieces
}

/// The largest difference of FP32 logits from FP64 ones.
func maximumError(_ found: [[Float]], _ expected: [[Double]]) -> Double {
    zip(found, expected).reduce(0) { worst, pair in
        max(worst, zip(pair.0, pair.1).reduce(0) { max($0, abs(Double($1.0) - $1.1)) })
    }
}

/// Keeps copies of everything that passes by.
final class Recorder: ActivationObserver {
    var values: [ActivationPoint: [[Float]]] = [:]
    var decisions: [Int: [[Bool]]] = [:]

    func observe(_ point: ActivationPoint, _ view: MatrixView) {
        values[point, default: []] += (0..<view.rows).map { Array(view.row($0)) }
    }

    func observe(decisions: EvictionDecisions, layer: Int, batch: ForwardBatch) {
        self.decisions[layer, default: []] += (0..<decisions.rows).map { row in
            (0..<decisions.heads).map { decisions.evicts(row: row, head: $0) }
        }
    }
}
