import DMSPolicy

/// What the arrival of one token does to every stream, in slots.
struct TokenStep {
    /// Slot of the earlier token that this one decides for.
    let decidedSlot: Int?
    /// Whether the token decides for itself.
    let decidesItself: Bool
    /// Slot of the token whose fate is settled now: retained if it is kept, overwritten if it is evicted.
    let leavingSlot: Int?
    /// Slot that the token itself takes; `nil` appends it to the retained tokens at once.
    let arrivalSlot: Int?
}

/// Turns the retention rule into slots of a ring.
///
/// The newest tokens, which are stored whether or not they are evicted, lie in a ring: the slots
/// `0 ..< ringSlots` of a stream, position p at `p mod ringSlots`. The token that leaves the window frees the very slot
/// that the arriving token needs. Retained tokens follow from slot `ringSlots` on. Without a rule there is no ring.
struct RetentionSchedule {
    private let retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    /// Slots of the full ring: as many as the rule always shows.
    let ringSlots: Int

    init(_ retention: (rule: RetentionRule, assembly: DecisionAssembly)?) {
        self.retention = retention
        ringSlots = retention?.rule.newest(of: .max).count ?? 0
    }

    var hasRule: Bool { retention != nil }

    /// Slots of the ring that the first `count` tokens of a sequence occupy.
    func ringSlots(of count: Int) -> Int { min(count, ringSlots) }

    /// The fewest tokens that a head stores of `count`: the ring, where there is one.
    func leastStored(of count: Int) -> Int { hasRule ? ringSlots(of: count) : count }

    /// Positions in the ring after `count` tokens, oldest first.
    func ringPositions(of count: Int) -> Range<Int> { retention?.rule.newest(of: count) ?? 0..<0 }

    func ringSlot(of position: Int) -> Int { position % ringSlots }

    func step(at position: Int) -> TokenStep {
        guard let (rule, assembly) = retention else {
            return TokenStep(decidedSlot: nil, decidesItself: false, leavingSlot: nil, arrivalSlot: nil)
        }
        let decided = assembly.key(decidedBy: position)
        return TokenStep(
            decidedSlot: decided.flatMap { $0 < position ? ringSlot(of: $0) : nil },
            decidesItself: decided == position,
            leavingSlot: rule.positionLeaving(at: position).map(ringSlot(of:)), arrivalSlot: ringSlot(of: position))
    }

    /// The token that decides for the token at `position`.
    func decider(of position: Int) -> Int { retention?.assembly.decider(of: position) ?? position }

    /// The tokens that a chunk of tokens decides for.
    func keys(decidedBy tokens: Range<Int>) -> Range<Int> { retention?.assembly.keys(decidedBy: tokens) ?? tokens }

    /// The last query that sees a token which is still in the ring, or on its way there.
    func lastQuery(seeing position: Int, evicted: Bool) -> Int32 {
        retention?.rule.lastQuery(seeing: position, evicted: evicted) ?? .max
    }
}
