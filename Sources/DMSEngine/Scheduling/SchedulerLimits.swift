/// What a scheduler keeps to.
struct SchedulerLimits: Sendable, Hashable {
    /// The most rows of a forward pass.
    ///
    /// At least `maximumRunning - 1 + blockRows`, so that every stream and a block of a prompt fit a pass together.
    var tokensPerStep: Int
    /// The most sequences that hold memory at a time.
    var maximumRunning: Int
    /// Prompts are computed in blocks that begin at multiples of this, so that their bits depend on nothing else.
    var blockRows: Int
    /// Positions that the model has.
    var positions: Int
    /// Tokens that every running sequence must have room for before another is admitted; fewer preemptions follow.
    var headroom = 32
    /// How many later requests may be admitted before one that does not fit yet.
    var overtakeLimit = 8
    /// How many waiting requests are considered in a step.
    var scanLimit = 4
    /// Steps after which a sequence whose consumer does not read gives way to waiting requests.
    var patience = 32
    /// The most tokens that are guessed for a request in a step; 0 guesses nothing.
    var draftTokens = 0
    /// Nothing is guessed while more requests than this are computed.
    var draftStreams = 0

    init(tokensPerStep: Int, maximumRunning: Int, blockRows: Int, positions: Int) {
        precondition(maximumRunning >= 1 && blockRows >= 1 && positions >= 1, "a scheduler that can run nothing")
        precondition(tokensPerStep >= maximumRunning - 1 + blockRows, "a step without room for a block")
        self.tokensPerStep = tokensPerStep
        self.maximumRunning = maximumRunning
        self.blockRows = blockRows
        self.positions = positions
    }
}
