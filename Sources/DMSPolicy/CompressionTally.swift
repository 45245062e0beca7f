/// Counts from which ``CompressionRatios`` follow; a value that can be filled per layer, per head or per run and merged.
///
/// A *token·head* is one token of one (layer, KV head). A dense cache stores as many token·heads as were seen.
///
/// ```swift
/// var tally = CompressionTally()
/// for sequence in corpus {
///     for step in sequence {
///         tally.recordDecisions(evicting: step.evictions, of: step.decisions)
///         tally.recordStep(seen: step.tokens * heads, stored: cache.liveTokens)
///     }
///     tally.finishRun()
/// }
/// ```
public struct CompressionTally: Sendable, Hashable {
    /// All decisions that were made, whether or not their keys have left the window.
    public private(set) var decisions = 0
    /// Those among them that evict.
    public private(set) var evictions = 0
    /// Σ over all steps of the token·heads seen up to that step.
    public private(set) var seenOverSteps = 0
    /// Σ over all steps of the token·heads stored after that step.
    public private(set) var storedOverSteps = 0
    /// The most token·heads that any one run has seen.
    public private(set) var peakSeen = 0
    /// The most token·heads that were stored after any one step.
    public private(set) var peakStored = 0
    private var seenAtEnds = 0
    private var storedAtEnds = 0
    private var lastSeen = 0
    private var lastStored = 0

    /// Nothing counted.
    public init() {}

    /// Counts decisions, each once: when it is made.
    ///
    /// - Precondition: `0 ≤ evictions ≤ decisions`.
    public mutating func recordDecisions(evicting evictions: Int, of decisions: Int) {
        precondition(evictions >= 0 && evictions <= decisions, "more evictions than decisions")
        self.evictions += evictions
        self.decisions += decisions
    }

    /// Counts one step.
    ///
    /// - Parameters:
    ///   - seen: Token·heads of the current run up to and including this step.
    ///   - stored: Those of them that are still stored after it.
    /// - Precondition: `0 ≤ stored ≤ seen`.
    public mutating func recordStep(seen: Int, stored: Int) {
        precondition(stored >= 0 && stored <= seen, "more token·heads stored than seen")
        seenOverSteps += seen
        storedOverSteps += stored
        peakSeen = max(peakSeen, seen)
        peakStored = max(peakStored, stored)
        lastSeen = seen
        lastStored = stored
    }

    /// Ends a run: the last recorded step counts as its end, and the next step belongs to a new run.
    ///
    /// Without a step since the last end this does nothing.
    public mutating func finishRun() {
        seenAtEnds += lastSeen
        storedAtEnds += lastStored
        lastSeen = 0
        lastStored = 0
    }

    /// Counts one head of one sequence from start to end, as the strict mask stores it, in O(n).
    ///
    /// - Parameters:
    ///   - rule: The visibility rule.
    ///   - assembly: Whose decision applies to which key.
    ///   - decisions: Whether the decision made by token 0, 1, 2, … is to evict. All of them are counted, those that
    ///     apply to no key included.
    public mutating func recordHead(rule: RetentionRule, assembly: DecisionAssembly, decisions: [Bool]) {
        finishRun()
        recordDecisions(evicting: decisions.count { $0 }, of: decisions.count)
        for (step, live) in rule.liveCounts(evicted: assembly.evictions(madeBy: decisions)).enumerated() {
            recordStep(seen: step + 1, stored: live)
        }
        finishRun()
    }

    /// Adds the counts of runs that took place one after the other; an unfinished run on either side ends here.
    ///
    /// Peaks are the larger of both. Runs side by side (layers and heads of one sequence, sequences of one batch) share
    /// memory at the same time: record their sum per step instead.
    public mutating func merge(_ other: CompressionTally) {
        finishRun()
        decisions += other.decisions
        evictions += other.evictions
        seenOverSteps += other.seenOverSteps
        storedOverSteps += other.storedOverSteps
        peakSeen = max(peakSeen, other.peakSeen)
        peakStored = max(peakStored, other.peakStored)
        seenAtEnds += other.seenAtEnds + other.lastSeen
        storedAtEnds += other.storedAtEnds + other.lastStored
    }

    /// Evicted decisions / all decisions, or `nil` where none was made.
    public var evictionRate: Double? { CompressionRatios.quotient(evictions, decisions) }

    /// All ratios.
    ///
    /// - Parameters:
    ///   - denseBytes: What a dense cache of the same dtype would hold.
    ///   - allocatedBytes: What the allocator really holds. `nil` for either leaves the byte ratio out.
    public func ratios(denseBytes: Int? = nil, allocatedBytes: Int? = nil) -> CompressionRatios {
        var ratios = CompressionRatios(
            decisionRatio: CompressionRatios.quotient(decisions, decisions - evictions),
            meanLiveRatio: CompressionRatios.quotient(seenOverSteps, storedOverSteps),
            finalLiveRatio: CompressionRatios.quotient(seenAtEnds + lastSeen, storedAtEnds + lastStored),
            peakLiveRatio: CompressionRatios.quotient(peakSeen, peakStored))
        if let denseBytes, let allocatedBytes {
            ratios.byteRatio = CompressionRatios.quotient(denseBytes, allocatedBytes)
        }
        return ratios
    }
}
