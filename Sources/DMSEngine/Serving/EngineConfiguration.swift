public import DMSTensor

/// How an engine divides memory and steps, validated.
public struct EngineConfiguration: Sendable, Hashable {
    /// The element type of keys and values.
    public let kvType: ScalarType
    /// Tokens per cache page, a power of two.
    public let slotsPerPage: Int
    /// Rows of a prompt that attention computes at a time, and the grid on which prompts are cut.
    ///
    /// Results depend on it as far as rounding goes, and on nothing else here but ``kvType``.
    public let rowsPerBlock: Int
    /// The most bytes that the cache (pages, rings, tables, staging), activations and logits may take together, or
    /// `nil`.
    ///
    /// Never exceeded. What one attention call works with is not in it: the kernels' scratch memory and lists of pages.
    public let budgetBytes: Int?
    /// The most rows of a forward pass: what bounds the time between two tokens of a stream.
    public let tokensPerStep: Int
    /// The most sequences that hold memory at a time.
    public let maximumRunning: Int
    /// The most requests that wait beside them; more are refused.
    public let maximumWaiting: Int
    /// Events that a stream holds for a consumer that does not read, before its request pauses.
    public let bufferedEvents: Int
    /// Whether a request is refused that could not be finished if every head kept everything.
    ///
    /// Without it, requests are refused only when they cannot fit though all is evicted, and one that turns out not to
    /// fit alone ends with ``FinishReason/memoryLimit``.
    public let guaranteesCompletion: Bool
    /// The most prefixes of prompts that are kept for requests to come, 0 for none.
    ///
    /// They lie within the budget, and are given up before a request has to wait or give way for them. Their tokens, by
    /// which they are found, are not in the budget, no more than those of open requests.
    public let maximumPrefixes: Int
    /// How tokens are guessed ahead; `nil` guesses nothing.
    ///
    /// Room for what guesses may overwrite, and for their logits, is taken from the budget for good.
    public let speculation: SpeculationParameters?

    /// - Throws: ``ParameterError`` for a value out of range, or a step too small for all streams and a block.
    public init(
        kvType: ScalarType = .float32, slotsPerPage: Int = 32, rowsPerBlock: Int = 64, budgetBytes: Int? = nil,
        tokensPerStep: Int = 512, maximumRunning: Int = 32, maximumWaiting: Int = 256, bufferedEvents: Int = 256,
        guaranteesCompletion: Bool = true, maximumPrefixes: Int = 32, speculation: SpeculationParameters? = nil
    ) throws(ParameterError) {
        func require(_ field: String, _ value: Int, _ range: ClosedRange<Int>) throws(ParameterError) {
            guard range.contains(value) else {
                throw ParameterError(
                    field: field, found: "\(value)", required: "\(range.lowerBound) to \(range.upperBound)")
            }
        }
        guard (1...1 << 16).contains(slotsPerPage), slotsPerPage & (slotsPerPage - 1) == 0 else {
            throw ParameterError(
                field: "slotsPerPage", found: "\(slotsPerPage)", required: "a power of two up to 65536")
        }
        try require("rowsPerBlock", rowsPerBlock, 1...1 << 16)
        try require("maximumRunning", maximumRunning, 1...1 << 16)
        try require("maximumWaiting", maximumWaiting, 0...1 << 24)
        try require("bufferedEvents", bufferedEvents, 1...1 << 24)
        // Every stream gets a row of every step, and beside them a block must fit, or a prompt would never start.
        try require("tokensPerStep", tokensPerStep, maximumRunning - 1 + rowsPerBlock...1 << 20)
        try require("maximumPrefixes", maximumPrefixes, 0...1 << 16)
        if let budgetBytes { try require("budgetBytes", budgetBytes, 1...Int.max) }
        self.kvType = kvType
        self.slotsPerPage = slotsPerPage
        self.rowsPerBlock = rowsPerBlock
        self.budgetBytes = budgetBytes
        self.tokensPerStep = tokensPerStep
        self.maximumRunning = maximumRunning
        self.maximumWaiting = maximumWaiting
        self.bufferedEvents = bufferedEvents
        self.guaranteesCompletion = guaranteesCompletion
        self.maximumPrefixes = maximumPrefixes
        self.speculation = speculation
    }

    /// The most guesses of a step.
    var draftRows: Int { speculation?.draftRows ?? 0 }
    /// The most rows of a step that sample.
    var samplingRows: Int { maximumRunning + draftRows }
}
