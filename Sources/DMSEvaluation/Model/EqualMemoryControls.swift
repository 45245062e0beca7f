import DMSCheckpoint
import DMSModel
public import DMSPolicy
public import DMSTensor

/// Controls that store as many tokens, averaged over a run, as the gate that they are held against.
///
/// Their decisions are forced on the same weights, and each token decides for itself whatever the checkpoint's shift.
public struct EqualMemoryControls: Sendable {
    /// The first tokens that the sliding window keeps (Xiao et al., arXiv 2309.17453).
    public static let sinks = 4

    /// The window that stores as many tokens.
    public let slidingWindow: SinkWindowGate
    /// The random gate that stores as many tokens.
    public let random: RandomGate
    /// The window of the random gate: the checkpoint's own.
    public let rule: RetentionRule

    /// Chooses both gates so that, summed over all steps, they store as much as the tally, or as little more as they can.
    ///
    /// The tally's runs are sequences of `length` tokens. The window is found by bisection, exactly; the rate by
    /// bisection on the random gate's own decisions, which makes it exact to the last decision.
    ///
    /// - Throws: `PolicyError` for a sequence too long for a window.
    public init(
        matching tally: CompressionTally, rule: RetentionRule, length: Int, layers: Int, heads: Int, seed: UInt64
    ) throws(PolicyError) {
        let runs = tally.seenOverSteps / (length * (length + 1) / 2 * layers * heads)
        precondition(runs > 0, "a tally of other sequences")
        try self.init(
            target: Double(tally.storedOverSteps) / Double(runs), rule: rule, length: length, layers: layers,
            heads: heads,
            seed: seed
        ) { $0.reduce(0, +) }
    }

    /// Chooses both gates so that, after `length` tokens, they store `stored` token·heads, or as little more as they can.
    ///
    /// - Throws: `PolicyError` for a sequence too long for a window.
    public init(
        storedAtEnd stored: Double, rule: RetentionRule, length: Int, layers: Int, heads: Int, seed: UInt64
    ) throws(PolicyError) {
        try self.init(
            target: stored, rule: rule, length: length, layers: layers, heads: heads, seed: seed
        ) { $0.last ?? 0 }
    }

    /// - Parameters:
    ///   - target: What one run is to store, in token·heads.
    ///   - measure: Turns the tokens that one head stores after each step into the figure that `target` is about; more
    ///     tokens never make it smaller.
    private init(
        target: Double, rule: RetentionRule, length: Int, layers: Int, heads: Int, seed: UInt64,
        measure: ([Int]) -> Int
    ) throws(PolicyError) {
        precondition(length > 0 && layers > 0 && heads > 0, "\(length) tokens, \(layers) layers, \(heads) heads")
        self.rule = rule
        slidingWindow = try Self.slidingWindow(target / Double(layers * heads), length: length, measure)
        random = try Self.random(
            target, rule: rule, length: length, layers: layers, heads: heads, seed: seed, measure)
    }

    /// The smallest window with which one head reaches `target`.
    private static func slidingWindow(
        _ target: Double, length: Int, _ measure: ([Int]) -> Int
    ) throws(PolicyError) -> SinkWindowGate {
        let evicted: [Bool?] = (0..<length).map { $0 >= sinks }
        var low = 0
        var high = length - 1
        while low < high {
            let middle = (low + high) / 2
            let stored = measure(try RetentionRule(window: middle).liveCounts(evicted: evicted))
            if Double(stored) >= target { high = middle } else { low = middle + 1 }
        }
        return try SinkWindowGate(sinks: sinks, rule: RetentionRule(window: low))
    }

    /// The largest rate, to one part in 2²⁴, at which all heads reach `target`.
    private static func random(
        _ target: Double, rule: RetentionRule, length: Int, layers: Int, heads: Int, seed: UInt64,
        _ measure: ([Int]) -> Int
    ) throws(PolicyError) -> RandomGate {
        var low = 0.0
        var high = 1.0
        for _ in 0..<24 {
            let middle = (low + high) / 2
            let gate = try RandomGate(rate: middle, seed: seed)
            var stored = 0
            for layer in 0..<layers {
                for head in 0..<heads {
                    let evicted: [Bool?] = (0..<length).map { gate.evicts(layer: layer, head: head, position: $0) }
                    stored += measure(rule.liveCounts(evicted: evicted))
                }
            }
            if Double(stored) >= target { low = middle } else { high = middle }
        }
        return try RandomGate(rate: low, seed: seed)
    }

    /// The sliding window as a subject, on the strict path.
    public func slidingWindowSubject(name: String, _ runner: ModelRunner, kvType: ScalarType) throws(PolicyError)
        -> Subject
    {
        try Subject.slidingWindow(slidingWindow, name: name, runner, kvType: kvType)
    }

    /// The random gate as a subject, on the strict path.
    public func randomSubject(name: String, _ runner: ModelRunner, kvType: ScalarType) throws(PolicyError) -> Subject {
        try Subject.randomGate(random, rule: rule, name: name, runner, kvType: kvType)
    }
}

extension EqualMemoryControls {
    /// The controls of a subject on a text: runs it without scoring, to learn how much it stores.
    ///
    /// - Parameter onChunk: Called after each chunk with the number of those done.
    /// - Throws: What the model and its path throw, and `PolicyError` for chunks too long for a window.
    init(
        matching subject: Subject, rule: RetentionRule, on chunks: EvaluationChunks, seed: UInt64,
        onChunk: (Int) -> Void
    ) throws {
        let configuration = subject.runner.model.configuration
        var counted = SubjectResult(subject)
        for chunk in 0..<chunks.count {
            subject.startSequence()
            try subject.run(chunks[chunk], from: 0) { _, _ in }
            try counted.recordMemory(subject, tokenCount: chunks.length)
            onChunk(chunk + 1)
        }
        subject.path.reset()
        try self.init(
            matching: counted.tally, rule: rule, length: chunks.length, layers: configuration.layerCount,
            heads: configuration.keyValueHeadCount, seed: seed)
    }
}
