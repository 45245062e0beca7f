public import DMSModel
import DMSPolicy
public import DMSTensor

/// What forgetting costs a model, beside what it would cost to forget otherwise: perplexity and divergence against live
/// ratio, for its own gate, for sliding windows and for random gates on the same weights and the same text.
public struct ControlSweep: Sendable {
    /// Who decides what is evicted.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The model that it is compared with, run densely.
        case base
        /// The same weights, evicting nothing.
        case noEvict = "no_evict"
        /// The model with its own gate, on the serving cache.
        case gate
        /// A window of recent tokens and the first few.
        case slidingWindow = "sliding_window"
        /// Chance, at a rate.
        case randomGate = "random"
    }

    /// One subject of the sweep.
    public struct Point: Sendable, Hashable {
        /// Who decided.
        public let kind: Kind
        /// The window in tokens, or the rate of a random gate.
        public let setting: Double?
        /// Whether the setting was chosen so that it stores as many tokens as the gate.
        public let isMatched: Bool
        /// Tokens seen over tokens stored, both summed over all steps.
        public let liveRatio: Double
        /// Over all tokens that were scored.
        public let perplexity: Double
        /// KL(reference ‖ this) in nats per token; `nil` for the reference.
        public let divergence: Double?
    }

    /// In the order of ``Kind``, then by live ratio.
    public let points: [Point]
    /// With what all are compared: ``Kind/base`` where there is one, else ``Kind/noEvict``.
    public let reference: Kind
    /// Tokens of a chunk.
    public let chunkLength: Int
    /// Chunks that were scored.
    public let chunkCount: Int
    /// Tokens that were predicted, in all chunks.
    public let scoredTokens: Int

    /// The points of one kind.
    public subscript(kind: Kind) -> [Point] { points.filter { $0.kind == kind } }

    /// The windows that are tried on chunks of `length` tokens: halves, down to 8.
    static func windows(length: Int) -> [Int] { [2, 4, 8, 16, 32].map { length / $0 }.filter { $0 >= 8 } }
    /// The rates that are tried.
    static let rates = [0.25, 0.5, 0.75, 0.9]

    /// Runs everything.
    ///
    /// - Parameters:
    ///   - name: What errors call the model.
    ///   - base: A model with the same vocabulary, run densely.
    ///   - passLength: Tokens of one pass.
    ///   - seed: Of the random gates.
    ///   - onProgress: Called with the chunks done and all of them; every chunk counts twice.
    /// - Throws: ``EvaluationError`` for a model that cannot evict or another vocabulary, and what the models throw.
    public init(
        _ model: LlamaModel, name: String, base: (model: LlamaModel, name: String)?, chunks: EvaluationChunks,
        kvType: ScalarType, passLength: Int, seed: UInt64, onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws {
        guard let dms = model.dms else {
            throw EvaluationError("\(name): perplexity against live ratio needs a model with DMS metadata")
        }
        let runner = try ModelRunner(model, passLength: min(passLength, chunks.length))
        let gate = Subject(name: name, runner: runner, path: CompactPath(model, kvType: kvType))
        let total = 2 * chunks.count
        let matched = try EqualMemoryControls(matching: gate, rule: dms.rule, on: chunks, seed: seed) {
            onProgress($0, total)
        }
        typealias Plan = (kind: Kind, setting: Double?, isMatched: Bool, subject: Subject)
        var plans: [Plan] = []
        if let base {
            let baseRunner = try ModelRunner(base.model, passLength: runner.passLength)
            let type = base.model.precision.cacheType
            let subject = Subject(
                name: base.name, runner: baseRunner, path: StrictPath(base.model, kvType: type), eviction: .off)
            plans.append((.base, nil, false, subject))
        }
        let dense = Subject(name: name, runner: runner, path: CompactPath(model, kvType: kvType), eviction: .off)
        plans += [(.noEvict, nil, false, dense), (.gate, nil, false, gate)]
        let ownWindow = matched.slidingWindow.rule.window
        for window in Self.windows(length: chunks.length).filter({ $0 != ownWindow }) + [ownWindow] {
            let control = try SinkWindowGate(sinks: EqualMemoryControls.sinks, rule: RetentionRule(window: window))
            let subject = try Subject.slidingWindow(control, name: name, runner, kvType: kvType)
            plans.append((.slidingWindow, Double(window), window == ownWindow, subject))
        }
        for rate in Self.rates + [matched.random.rate] {
            let control = try RandomGate(rate: rate, seed: seed)
            let subject = try Subject.randomGate(control, rule: dms.rule, name: name, runner, kvType: kvType)
            plans.append((.randomGate, rate, rate == matched.random.rate, subject))
        }
        let pairs = plans.indices.dropFirst().map { CorpusEvaluation.Pair(reference: 0, subject: $0) }
        let result = try CorpusEvaluation(subjects: plans.map(\.subject), pairs: pairs).run(chunks) {
            onProgress(chunks.count + $0.chunk + 1, total)
        }
        reference = plans[0].kind
        chunkLength = chunks.length
        chunkCount = chunks.count
        scoredTokens = chunks.scoredTokens
        let order = Dictionary(uniqueKeysWithValues: Kind.allCases.enumerated().map { ($1, $0) })
        points = plans.enumerated().map { index, plan in
            let figures = result.subjects[index]
            return Point(
                kind: plan.kind, setting: plan.setting, isMatched: plan.isMatched,
                liveRatio: figures.ratios.meanLiveRatio ?? 1, perplexity: figures.perplexity.value ?? .nan,
                divergence: result.divergence(reference: 0, subject: index)?.meanKL)
        }.sorted { (order[$0.kind] ?? 0, $0.liveRatio) < (order[$1.kind] ?? 0, $1.liveRatio) }
    }
}
