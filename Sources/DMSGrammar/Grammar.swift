/// Which texts may be written: rules over bytes that may refer to each other and to themselves.
///
/// A grammar is a graph of nodes. A reader is at one node, with a stack of nodes to return to; where the graph splits,
/// there are several readers. ``GrammarAutomaton`` moves them.
public struct Grammar: Sendable, Hashable {
    enum Node: Sendable, Hashable {
        /// Reads a byte of the set.
        case byte(ByteSet, next: Int32)
        /// Reads nothing and goes on at each of these.
        case split([Int32])
        /// Reads the rule that begins at `entry`, and then goes on at `next`.
        case call(entry: Int32, next: Int32)
        /// The rule ends here.
        case end
    }

    let nodes: [Node]
    let start: Int32
    /// Of everything, so that looking a grammar up in a table need not go through its nodes.
    private let digest: Int

    init(nodes: [Node], start: Int32) {
        self.nodes = nodes
        self.start = start
        var hasher = Hasher()
        hasher.combine(nodes)
        hasher.combine(start)
        digest = hasher.finalize()
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.digest == right.digest && left.start == right.start && left.nodes == right.nodes
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

/// What a rule is made of.
indirect enum GrammarExpression: Sendable {
    case bytes(ByteSet)
    case literal([UInt8])
    case sequence([GrammarExpression])
    case choice([GrammarExpression])
    case optional(GrammarExpression)
    /// Any number of times, none included.
    case repeated(GrammarExpression)
    /// Between so many times; the expression is copied as often, so it should be a rule.
    case times(ClosedRange<Int>, GrammarExpression)
    case rule(GrammarBuilder.Rule)

    static func literal(_ text: String) -> GrammarExpression { .literal(Array(text.utf8)) }
}
