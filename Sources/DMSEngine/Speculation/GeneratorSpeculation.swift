import DMSModel

/// Guessing ahead for one sequence that is asked for its tokens one by one.
///
/// Two states: nothing is open, and the next token takes a pass; or the last pass had a guess, and tokens are chosen by its
/// rows as long as each is what was guessed. The first that is not, and the end, settle the guess. The last token of all is
/// never in the cache, guessed or not.
struct GeneratorSpeculation {
    private let attention: any DraftingAttention
    private let sequence: Int
    private var drafts: SequenceDrafts
    /// All tokens of the sequence, as far as they were looked up.
    private var known: [Int32] = []
    private var isOpen = false
    /// The row of the last pass's logits that is next; 0 for those behind the token that was due.
    private(set) var row = 0
    /// The guess of the next pass, or of the last as long as it is open.
    private(set) var draft: [Int32] = []
    private(set) var counts = SpeculationCounts()

    /// - Throws: ``ParameterError`` for an operator without room for the drafts.
    init(
        _ parameters: SpeculationParameters, _ attention: any AttentionOperator, sequence: Int
    ) throws(ParameterError) {
        let rows = (attention as? any DraftingAttention)?.maximumDraftRows ?? 0
        guard let attention = attention as? any DraftingAttention, rows >= parameters.maximumDraft else {
            throw ParameterError(
                field: "speculation", found: "an operator that takes \(rows) draft rows",
                required: "one that takes \(parameters.maximumDraft)")
        }
        self.attention = attention
        self.sequence = sequence
        drafts = SequenceDrafts(parameters)
    }

    /// Guesses what follows the prompt and the continuation so far.
    mutating func propose(after prompt: [Int32], _ tokens: [Int32], room: Int) {
        precondition(!isOpen, "a guess before the last was settled")
        if known.isEmpty { known = prompt }
        known += tokens[(known.count - prompt.count)...]
        drafts.propose(after: known, room: max(0, room))
        draft = drafts.draft
    }

    /// Notes that a pass had the guess.
    mutating func noteRun() { isOpen = !draft.isEmpty }

    /// Notes the token that was chosen by the row that was next.
    mutating func note(_ token: Int32, isLast: Bool) {
        guard isOpen else { return }
        if !isLast, row < draft.count, token == draft[row] {
            row += 1
        } else {
            settle(accepting: row)
        }
    }

    /// Settles a guess that is open although its last token was right: as the last of all, it does not stay.
    mutating func endEarly() {
        if isOpen { settle(accepting: max(0, row - 1)) }
    }

    private mutating func settle(accepting accepted: Int) {
        attention.settle(sequence, accepting: accepted)
        drafts.note(accepted: accepted)
        counts.note(proposed: draft.count, accepted: accepted)
        draft = []
        row = 0
        isOpen = false
    }
}
