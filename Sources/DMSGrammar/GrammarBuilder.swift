/// Puts a grammar together, rule by rule.
struct GrammarBuilder {
    /// A rule's number, which may be referred to before the rule is defined.
    struct Rule: Sendable, Hashable {
        fileprivate let index: Int
    }

    /// The most nodes of a grammar, some 64 bytes each.
    static let mostNodes = 1 << 15

    /// Whether there were more; what was built is of no use then.
    private(set) var isFull = false
    // Node 0 ends every rule.
    private var nodes: [Grammar.Node] = [.end]
    private var entries: [Int32?] = []
    // Calls of rules, whose entries are known at the end.
    private var calls: [(node: Int32, rule: Rule)] = []

    mutating func declare() -> Rule {
        entries.append(nil)
        return Rule(index: entries.count - 1)
    }

    mutating func define(_ rule: Rule, _ expression: GrammarExpression) {
        precondition(entries[rule.index] == nil, "a rule defined twice")
        entries[rule.index] = add(expression, next: 0)
    }

    mutating func define(_ expression: GrammarExpression) -> Rule {
        let rule = declare()
        define(rule, expression)
        return rule
    }

    /// The grammar whose texts are those of a rule.
    ///
    /// - Precondition: ``isFull`` is `false`.
    consuming func grammar(from start: Rule) -> Grammar {
        precondition(!isFull, "a grammar that was not built to its end")
        for call in calls {
            guard case .call(_, let next) = nodes[Int(call.node)], let entry = entries[call.rule.index] else {
                preconditionFailure("a rule that was declared and not defined")
            }
            nodes[Int(call.node)] = .call(entry: entry, next: next)
        }
        guard let entry = entries[start.index] else { preconditionFailure("a grammar without a start") }
        return Grammar(nodes: nodes, start: entry)
    }

    /// Nodes that read the expression and go on at `next`; returns the first.
    private mutating func add(_ expression: GrammarExpression, next: Int32) -> Int32 {
        switch expression {
        case .bytes(let set): return append(.byte(set, next: next))
        case .literal(let bytes):
            return bytes.reversed().reduce(next) { append(.byte(ByteSet($1), next: $0)) }
        case .sequence(let parts): return parts.reversed().reduce(next) { add($1, next: $0) }
        case .choice(let parts): return append(.split(parts.map { add($0, next: next) }))
        case .optional(let part): return append(.split([add(part, next: next), next]))
        case .repeated(let part):
            let loop = append(.split([]))
            nodes[Int(loop)] = .split([add(part, next: loop), next])
            return loop
        case .times(let range, let part):
            var first = next
            for _ in range.lowerBound..<range.upperBound { first = append(.split([add(part, next: first), next])) }
            for _ in 0..<range.lowerBound { first = add(part, next: first) }
            return first
        case .rule(let rule):
            let node = append(.call(entry: -1, next: next))
            if !isFull { calls.append((node, rule)) }
            return node
        }
    }

    private mutating func append(_ node: Grammar.Node) -> Int32 {
        if nodes.count >= Self.mostNodes {
            isFull = true
            return 0
        }
        nodes.append(node)
        return Int32(nodes.count - 1)
    }
}
