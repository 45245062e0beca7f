/// What an engine holds and has done, as of its last step.
public struct EngineStatistics: Sendable, Hashable {
    /// Requests that hold memory.
    public var running = 0
    /// Requests that hold none.
    public var waiting = 0
    /// Requests of both kinds whose consumers have enough to read.
    public var paused = 0
    /// Requests that ended, by reason; those that failed are in ``failed``.
    public var finished: [FinishReason: Int] = [:]
    /// Requests that ended with an error.
    public var failed = 0
    /// How often a request gave its memory back to be computed again.
    public var preemptions = 0

    /// Tokens of prompts, counted at submission.
    public var promptTokens = 0
    /// Tokens chosen.
    public var generatedTokens = 0
    /// Rows of all passes: prompts, decode, guesses, and what was computed again.
    public var computedTokens = 0

    /// Prefixes of prompts that are stored now.
    public var storedPrefixes = 0
    /// Prefixes that were given up, for others or for requests that needed their memory.
    public var reclaimedPrefixes = 0
    /// Requests that started with a stored prefix, counted at every start.
    public var prefixHits = 0
    /// Tokens that these did not compute.
    public var reusedTokens = 0

    /// Tokens that were guessed ahead, and those among them that were right.
    public var speculation = SpeculationCounts()

    /// Forward passes.
    public var steps = 0
    /// Their time, sampling and delivery included.
    public var stepSeconds = 0.0
    /// The part of it that the model took.
    public var modelSeconds = 0.0
    /// The part of it that planning and bookkeeping took.
    public var schedulerSeconds = 0.0
    /// The time of the last pass.
    public var lastStepSeconds = 0.0

    /// Keys and values of live tokens, those of stored prefixes among them.
    public var liveBytes = 0
    /// What a dense cache would hold for the same tokens.
    public var denseBytes = 0
    /// Pages, tables and staging.
    public var allocatedBytes = 0
    /// The most that ``allocatedBytes`` ever was.
    public var peakAllocatedBytes = 0
    /// What ``allocatedBytes`` may be: the engine's budget less ``workspaceBytes``; `nil` for no bound.
    public var budgetBytes: Int?
    /// Activations and logits.
    public var workspaceBytes = 0
    /// Cache pages in use.
    public var pagesInUse = 0
    /// Decisions of all gates, of requests that have ended too.
    public var decisions = 0
    /// Those among them that evict.
    public var evictions = 0

    /// Nothing done and nothing held.
    public init() {}
}
