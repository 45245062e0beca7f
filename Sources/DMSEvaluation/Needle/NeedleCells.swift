/// What one subject did in a needle task.
public struct NeedleCells: Sendable {
    /// What it did at one depth and length.
    public struct Cell: Sendable, Hashable {
        /// Tokens of the texts.
        public let length: Int
        /// Where the needle stands, from 0 at the beginning to 1 at the end.
        public let depth: Double
        /// Texts asked about.
        public private(set) var samples = 0
        /// Texts of which the whole answer was written.
        public private(set) var found = 0
        private var logProbability = 0.0
        private var answerTokens = 0

        init(length: Int, depth: Double) {
            self.length = length
            self.depth = depth
        }

        /// found / samples.
        public var accuracy: Double { Double(found) / Double(max(1, samples)) }
        /// Mean log-probability per token of the answers, in nats.
        public var meanLogProbability: Double { logProbability / Double(max(1, answerTokens)) }

        mutating func record(isFound: Bool, logProbabilities: [Double]) {
            samples += 1
            if isFound { found += 1 }
            logProbability += logProbabilities.reduce(0, +)
            answerTokens += logProbabilities.count
        }
    }

    /// Who was asked.
    public let name: String
    /// Lengths outermost.
    public internal(set) var cells: [Cell] = []
    /// Token·heads of all prompts, and those stored of them when the question was asked.
    public private(set) var seenAtEnd = 0
    /// Token·heads that were stored when the questions were asked, all texts together.
    public private(set) var storedAtEnd = 0
    private var decisions = (made: 0, evicting: 0)

    init(name: String) { self.name = name }

    /// The mean over all cells.
    public var accuracy: Double { cells.reduce(0) { $0 + $1.accuracy } / Double(max(1, cells.count)) }
    /// The mean over all cells, in nats per answer token.
    public var meanLogProbability: Double {
        cells.reduce(0) { $0 + $1.meanLogProbability } / Double(max(1, cells.count))
    }
    /// Tokens seen over tokens stored when the question was asked.
    public var liveRatioAtEnd: Double { Double(seenAtEnd) / Double(max(1, storedAtEnd)) }
    /// 1 / (1 − share of decisions to evict); 1 where nothing was decided, infinite where all were to evict.
    public var decisionRatio: Double {
        decisions.made == 0 ? 1 : Double(decisions.made) / Double(decisions.made - decisions.evicting)
    }

    mutating func recordMemory(seen: Int, stored: Int, decisions: (made: Int, evicting: Int)) {
        seenAtEnd += seen
        storedAtEnd += stored
        self.decisions.made += decisions.made
        self.decisions.evicting += decisions.evicting
    }
}
