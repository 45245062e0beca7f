/// A request as the scheduler knows it: numbers only.
struct ScheduledRequest: Sendable, Hashable {
    let id: RequestID
    /// Tokens that are to be continued, ``base`` among them.
    let promptCount: Int
    let maximumTokens: Int
    /// When it ends unfinished, on the clock whose times are handed to the scheduler.
    let deadline: Duration?

    /// Tokens that are stored whenever it starts: a saved conversation.
    let base: Int

    /// Tokens chosen so far; they survive preemption.
    var generated = 0
    /// Tokens whose keys and values are in the cache.
    var computed = 0
    /// Boundaries of blocks at which a pass ends; see ``StoredPrefix``.
    var boundaries: [Int] = []
    /// Whether its consumer has enough to read for now.
    var isPaused = false
    /// Steps planned since it was paused.
    var pausedSteps = 0
    /// Later requests that were admitted while it waited.
    var overtaken = 0
    /// How many running requests had ended when it was preempted last.
    var preemptedAt: Int?

    init(id: RequestID, promptCount: Int, maximumTokens: Int, deadline: Duration? = nil, base: Int = 0) {
        precondition(promptCount > base && base >= 0 && maximumTokens >= 1, "a request for nothing")
        self.base = base
        self.id = id
        self.promptCount = promptCount
        self.maximumTokens = maximumTokens
        self.deadline = deadline
    }

    /// Tokens of the prompt and of the continuation so far.
    var known: Int { promptCount + generated }

    /// Whether one row leads to the next token.
    var isDecoding: Bool { known - computed == 1 }

    /// The next tokens that may be computed in one piece, from a position on; `nil` when all are.
    ///
    /// Where pieces end is a function of the prompt's length alone, so that a request is computed with the same bits in
    /// any company and after any preemption: the prompt in blocks of a fixed grid from its base on, all behind it row
    /// by row, as in decode, however many rows share a pass. A last block of one row is decode as well, because that
    /// is what a cache takes a single row for. Nothing depends on where the request started, as long as that is a
    /// boundary of the grid.
    func nextPiece(from start: Int, blockRows: Int) -> PlannedSpan? {
        if start >= known { return nil }
        let isLastRowAlone = (promptCount - base) % blockRows == 1
        let singles = blockRows == 1 ? base : isLastRowAlone ? promptCount - 1 : promptCount
        let rowByRow = start >= singles
        let boundary = base + ((start - base) / blockRows + 1) * blockRows
        let end = rowByRow ? min(start + blockRows, known) : min(boundary, singles)
        return PlannedSpan(id: id, positions: start..<end, rowByRow: rowByRow, samples: end == known)
    }
}
