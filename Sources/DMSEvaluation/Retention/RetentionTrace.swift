public import DMSCache
import DMSCheckpoint
public import DMSModel
public import DMSPolicy
public import DMSTensor

/// What a model's heads keep of one text, and what that takes in memory while the text goes by.
public struct RetentionTrace: Sendable {
    /// What became of a token in one head, after the whole text.
    public enum Fate: Sendable, Hashable {
        /// Nobody evicts it.
        case kept
        /// Evicted, and still inside the window: stored, but not for long.
        case leaving
        /// Evicted and overwritten.
        case gone
    }

    /// What the cache held after some of the tokens.
    public struct Moment: Sendable, Hashable {
        /// Tokens read by then.
        public let tokens: Int
        /// What a dense cache of the same element type would hold.
        public let denseBytes: Int
        /// What the allocator really held, with everything that a pass needs.
        public let allocatedBytes: Int
        /// Keys, values and scales of what was stored.
        public let liveBytes: Int
        /// Token·heads stored then, over all layers and KV heads.
        public let liveTokenHeads: Int
    }

    /// The tokens that were read.
    public let tokens: [Int32]
    /// Layers of the model.
    public let layerCount: Int
    /// KV heads of a layer.
    public let headCount: Int
    /// What keys and values were stored as.
    public let kvType: ScalarType
    /// `nil` for a model that keeps everything.
    public let rule: RetentionRule?
    /// Whether each token is evicted, `[layer][head][token]`; `nil` where nobody has decided.
    public let evicted: [[[Bool?]]]
    /// Of all decisions those that evict, `[layer][head]`, 0 … 1; 0 where none is made.
    public let evictionRates: [[Double]]
    /// Tokens that the cache stores in the end, `[layer][head]`.
    public let storedTokens: [[Int]]
    /// After each pass, oldest first.
    public let moments: [Moment]
    /// The cache in the end.
    public let report: CacheReport

    /// How many tokens were read.
    public var tokenCount: Int { tokens.count }
    /// Layers times KV heads.
    public var streamCount: Int { layerCount * headCount }

    /// Runs a text through the serving cache.
    ///
    /// - Parameters:
    ///   - name: What errors call the model.
    ///   - onProgress: Called with the number of tokens read.
    /// - Throws: ``EvaluationError`` for a text that is empty or longer than the model's positions, and for a cache that
    ///   stores anything else than the rule says; what the model throws.
    public init(
        _ model: LlamaModel, name: String, tokens: [Int32], kvType: ScalarType, onProgress: (Int) -> Void = { _ in }
    ) throws {
        let configuration = model.configuration
        guard (1...configuration.maximumPositions).contains(tokens.count) else {
            throw EvaluationError(
                "a text of \(tokens.count) tokens: required 1 to \(configuration.maximumPositions), the positions of "
                    + name)
        }
        let path = CompactPath(model, kvType: kvType)
        let subject = Subject(
            name: name, runner: try ModelRunner(model, passLength: Self.passLength(tokens.count)), path: path)
        subject.startSequence()
        defer { path.reset() }
        var moments: [Moment] = []
        try subject.run(tokens[...], from: 0) { hidden, position in
            let report = path.report
            moments.append(
                Moment(
                    tokens: position + hidden.rows, denseBytes: report.denseBytes,
                    allocatedBytes: report.allocatedBytes, liveBytes: report.liveBytes,
                    liveTokenHeads: report.liveTokenHeads))
            onProgress(position + hidden.rows)
        }
        self.tokens = tokens
        self.kvType = kvType
        self.moments = moments
        layerCount = configuration.layerCount
        headCount = configuration.keyValueHeadCount
        rule = path.retention?.rule
        report = path.report
        let decisions = subject.recorder.decisions
        evicted = decisions.map { layer in
            layer.map { head -> [Bool?] in
                // A model without a gate decides nothing.
                guard let assembly = path.retention?.assembly, head.count == tokens.count else {
                    return Array(repeating: nil, count: tokens.count)
                }
                return assembly.evictions(madeBy: head)
            }
        }
        evictionRates = decisions.map { layer in
            layer.map { head in Double(head.count { $0 }) / Double(max(1, head.count)) }
        }
        storedTokens = decisions.indices.map { layer in
            (0..<configuration.keyValueHeadCount).map { path.liveTokens(layer: layer, head: $0) }
        }
        try requireAgreement(name)
    }

    /// A hundred moments of a long text, and never so few rows that a pass is mostly the reading of weights.
    private static func passLength(_ count: Int) -> Int { min(512, max(16, count / 100)) }

    /// Compares what the cache counted while it ran with the rule, applied afterwards.
    private func requireAgreement(_ name: String) throws(EvaluationError) {
        for layer in 0..<layerCount {
            for head in 0..<headCount {
                let expected = (0..<tokenCount).count { fate(of: $0, layer: layer, head: head) != .gone }
                guard storedTokens[layer][head] == expected else {
                    throw EvaluationError(
                        "\(name): after \(tokenCount) tokens head \(head) of layer \(layer) stores "
                            + "\(storedTokens[layer][head]); the rule requires \(expected)")
                }
            }
        }
    }

    /// What became of a token in one head.
    public func fate(of token: Int, layer: Int, head: Int) -> Fate {
        guard let rule, evicted[layer][head][token] == true else { return .kept }
        return rule.isVisible(key: token, query: tokenCount - 1, evicted: true) ? .leaving : .gone
    }

    /// Of all layers and heads, how many store each token in the end.
    public var storingHeads: [Int] {
        var counts = [Int](repeating: 0, count: tokenCount)
        for layer in 0..<layerCount {
            for head in 0..<headCount {
                for token in 0..<tokenCount where fate(of: token, layer: layer, head: head) != .gone {
                    counts[token] += 1
                }
            }
        }
        return counts
    }

    /// Of all layers and heads, the share that stores each token in the end, 0 … 1.
    public var shares: [Double] { storingHeads.map { Double($0) / Double(streamCount) } }
}
