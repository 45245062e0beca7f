import DMSCheckpoint
import DMSEvaluation
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Foundation

/// The arithmetic of evaluation as the textbook writes it, over FP64 logits.
enum Oracle {
    static func logProbabilities(_ logits: [Double]) -> [Double] {
        let largest = logits.max() ?? 0
        let sum = logits.reduce(0) { $0 + exp($1 - largest) }
        return logits.map { $0 - largest - log(sum) }
    }

    static func divergence(_ p: [Double], _ q: [Double]) -> Double {
        zip(logProbabilities(p), logProbabilities(q)).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
    }

    static func best(_ logits: [Double]) -> Int {
        logits.indices.reduce(0) { logits[$1] > logits[$0] ? $1 : $0 }
    }
}

func randomTokens(_ count: Int, vocabulary: Int, seed: UInt64) -> [Int32] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &generator) }
}

/// A small model with a gate that evicts about half of all tokens.
func tinyGatedModel(
    window: Int, shift: Int = 0, dialect: Dialect? = nil, seed: UInt64 = 1, vocabulary: Int = 97,
    alphaScale: Float = 100, alphaOffset: Float = 5
) throws -> LlamaModel {
    let dms =
        try dialect?.configuration(window: window, alphaScale: alphaScale, alphaOffset: alphaOffset)
        ?? DMSConfiguration(
            source: .borrowedQueryChannel, channel: .last, decisionShift: shift, zeroing: .beforeRope,
            windowSize: window, windowInclusive: true, alphaScale: alphaScale, alphaOffset: alphaOffset)
    return try TinyModel.make(TinyModel.configuration(vocabulary: vocabulary), dms: dms, seed: seed)
}

/// What the reference computes for a gated model: logits, and decisions `[layer][head][token]`.
func referenceForward(
    _ model: LlamaModel, _ tokens: [Int32], evicts: Bool = true
) -> (logits: [[Double]], decisions: [[[Bool]]]) {
    guard let dms = model.dms else { return (ReferenceLlama(model).forward(tokens).logits, []) }
    let borrowed = ReferenceLlama.Borrowed(
        channel: model.configuration.headDimension - 1, zeroBeforeRope: dms.zeroing.zeroesBeforeRope,
        zeroAfterRope: dms.zeroing.zeroesAfterRope)
    func evicted(_ raw: Double) -> Bool { raw * Double(dms.alphaScale) - Double(dms.alphaOffset) > 0 }
    let isAdapter = dms.source == .adapter
    let farthest = dms.windowInclusive ? dms.windowSize : dms.windowSize - 1
    let result = ReferenceLlama(model).forward(
        tokens, borrowed: isAdapter ? nil : borrowed, adapters: isAdapter
    ) { raw in
        { layer, head, key, query in
            guard key <= query else { return false }
            let decider = key + dms.decisionShift
            let isEvicted = evicts && decider <= query && evicted(raw[layer][decider][head])
            return !isEvicted || query - key <= farthest
        }
    }
    let decisions = result.raw.map { rows in
        (0..<model.configuration.keyValueHeadCount).map { head in rows.map { evicted($0[head]) } }
    }
    return (result.logits, decisions)
}

func isNear(_ a: Double?, _ b: Double, _ tolerance: Double) -> Bool {
    guard let a else { return false }
    return abs(a - b) <= tolerance
}

/// Logits of every token from the dense reference operator in one pass, which `DMSModelTests` hold against FP64 loops.
func strictLogits(_ model: LlamaModel, _ tokens: [Int32], eviction: EvictionControl = .model) throws -> [[Double]] {
    let workspace = try ForwardWorkspace(model.configuration, maximumRows: tokens.count)
    let output = try Tensor(rows: tokens.count, columns: model.configuration.vocabularySize)
    let hidden = try model.forward(
        ForwardBatch(tokens: tokens, firstPosition: 0), attention: DenseAttention(strictMaskOf: model),
        eviction: eviction, workspace: workspace)
    model.logits(hidden, into: output.view)
    return (0..<tokens.count).map { output.view.row($0).map(Double.init) }
}
