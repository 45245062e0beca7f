/// The guesses of all open requests of an engine.
struct Speculator {
    private let parameters: SpeculationParameters?
    private var sequences: [RequestID: SequenceDrafts] = [:]
    private(set) var counts = SpeculationCounts()

    /// - Parameter parameters: `nil` to guess nothing.
    init(_ parameters: SpeculationParameters?) { self.parameters = parameters }

    /// Guesses how a request goes on.
    ///
    /// - Returns: How many tokens, `room` at most.
    mutating func propose(_ request: OpenRequest, room: Int) -> Int {
        guard let parameters else { return 0 }
        var drafts = sequences.removeValue(forKey: request.id) ?? SequenceDrafts(parameters)
        drafts.propose(after: request.tokens, room: room)
        sequences[request.id] = drafts
        return drafts.draft.count
    }

    /// The tokens of a span: what is known, and then the guess.
    func tokens(_ span: PlannedSpan, of request: OpenRequest) -> ArraySlice<Int32> {
        let known = request.tokens[span.positions.dropLast(span.drafted)]
        return span.drafted == 0 ? known : ArraySlice(known + draft(of: span))
    }

    /// The part of the last guess that a span has.
    func draft(of span: PlannedSpan) -> ArraySlice<Int32> {
        sequences[span.id]?.draft.prefix(span.drafted) ?? []
    }

    /// Notes how much of a span's guess was right.
    mutating func note(_ span: PlannedSpan, accepted: Int) {
        counts.note(proposed: span.drafted, accepted: accepted)
        sequences[span.id]?.note(accepted: accepted)
    }

    mutating func forget(_ id: RequestID) { sequences[id] = nil }
}
