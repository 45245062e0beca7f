/// Reads bytes by a grammar: which byte may come next, and whether the text may end.
///
/// The readers of a grammar, each a node and a stack to return to, are taken together as one state, and states and the
/// moves between them are made when they are first needed. A move that was made before costs one look into a table,
/// which is what makes asking about every token of a vocabulary cheap. Stacks share their tails.
struct GrammarAutomaton {
    /// A state's number; states are only made, never changed.
    typealias State = Int32
    /// What no byte leads to a text from.
    static let dead: State = -1
    private static let unknown: State = -2
    /// Values nested deeper than so many rules are not begun.
    static let deepestStack: Int32 = 256
    /// Nor is anything that so many readers would have to read at once: ambiguous grammars double them at every level.
    static let mostReaders = 2048
    // How much it holds before a new one should take over: a state takes a kilobyte and its readers.
    private static let mostStates = 4096
    private static let mostStoredReaders = 1 << 19
    private static let mostFrames = 1 << 16
    /// What making a state counts for beside its readers.
    private static let stateWork = 64

    private struct Reader: Hashable {
        var node: Int32
        var stack: Int32
    }

    private struct Frame: Hashable {
        let next: Int32
        let parent: Int32
    }

    private let grammar: Grammar
    // Stack 0 is empty.
    private var frames: [Frame] = [Frame(next: -1, parent: -1)]
    private var depths: [Int32] = [0]
    private var frameNumbers: [Frame: Int32] = [:]
    private var states: [[Reader]] = []
    private var numbers: [[Reader]: State] = [:]
    private var moves: [State] = []
    private var accepting: [Bool] = []
    private var storedReaders = 0
    private(set) var start: State = 0
    /// Readers looked at so far, for the bounds of whoever asks.
    private(set) var work = 0

    init(_ grammar: Grammar) {
        self.grammar = grammar
        start = state(of: [Reader(node: grammar.start, stack: 0)])
    }

    var stateCount: Int { states.count }

    /// Whether a new automaton should take over, by way of ``place(of:)`` and ``enter(_:)``.
    var isFull: Bool {
        states.count > Self.mostStates || storedReaders > Self.mostStoredReaders || frames.count > Self.mostFrames
    }

    /// Whether a text may end here.
    func accepts(_ state: State) -> Bool { accepting[Int(state)] }

    /// Whether a text can go on from here.
    func continues(_ state: State) -> Bool {
        states[Int(state)].contains { if case .byte = grammar.nodes[Int($0.node)] { true } else { false } }
    }

    /// Where a byte leads; ``dead`` where it must not stand.
    mutating func step(_ state: State, _ byte: UInt8) -> State {
        let index = Int(state) << 8 | Int(byte)
        if moves[index] != Self.unknown { return moves[index] }
        var moved: [Reader] = []
        work += states[Int(state)].count
        for reader in states[Int(state)] {
            if case .byte(let set, let next) = grammar.nodes[Int(reader.node)], set.contains(byte) {
                moved.append(Reader(node: next, stack: reader.stack))
            }
        }
        let target = moved.isEmpty ? Self.dead : self.state(of: moved)
        moves[index] = target
        return target
    }

    // MARK: Moving to another automaton

    /// A state by what it means, for another automaton of the same grammar.
    struct Place: Sendable, Hashable {
        fileprivate struct Path: Sendable, Hashable {
            let node: Int32
            /// Where to return to, innermost first.
            let returns: [Int32]
        }

        fileprivate let paths: [Path]
    }

    func place(of state: State) -> Place {
        Place(
            paths: states[Int(state)].map { reader in
                var returns: [Int32] = []
                var stack = reader.stack
                while stack != 0 {
                    returns.append(frames[Int(stack)].next)
                    stack = frames[Int(stack)].parent
                }
                return Place.Path(node: reader.node, returns: returns)
            })
    }

    mutating func enter(_ place: Place) -> State {
        state(
            of: place.paths.map { path in
                Reader(node: path.node, stack: path.returns.reversed().reduce(0) { push($1, on: $0) })
            })
    }

    // MARK: States

    private mutating func push(_ next: Int32, on stack: Int32) -> Int32 {
        let frame = Frame(next: next, parent: stack)
        if let known = frameNumbers[frame] { return known }
        frames.append(frame)
        depths.append(depths[Int(stack)] + 1)
        frameNumbers[frame] = Int32(frames.count - 1)
        return Int32(frames.count - 1)
    }

    /// The state of readers that have not yet gone through the nodes that read nothing.
    private mutating func state(of readers: [Reader]) -> State {
        var pending = readers
        var seen: Set<Reader> = []
        var reading: [Reader] = []
        var accepts = false
        while let reader = pending.popLast() {
            guard seen.insert(reader).inserted else { continue }
            work += 1
            switch grammar.nodes[Int(reader.node)] {
            case .byte: reading.append(reader)
            case .split(let nodes):
                for node in nodes { pending.append(Reader(node: node, stack: reader.stack)) }
            case .call(let entry, let next):
                // What only returns needs no place to return to.
                if case .end = grammar.nodes[Int(next)] {
                    pending.append(Reader(node: entry, stack: reader.stack))
                } else if depths[Int(reader.stack)] < Self.deepestStack {
                    pending.append(Reader(node: entry, stack: push(next, on: reader.stack)))
                }
            case .end:
                if reader.stack == 0 {
                    accepts = true
                    reading.append(reader)
                } else {
                    let frame = frames[Int(reader.stack)]
                    pending.append(Reader(node: frame.next, stack: frame.parent))
                }
            }
            if reading.count > Self.mostReaders || seen.count > 8 * Self.mostReaders { return Self.dead }
        }
        reading.sort { ($0.node, $0.stack) < ($1.node, $1.stack) }
        if reading.isEmpty { return Self.dead }
        if let known = numbers[reading] { return known }
        let number = State(states.count)
        states.append(reading)
        numbers[reading] = number
        accepting.append(accepts)
        storedReaders += reading.count
        work += Self.stateWork
        moves.append(contentsOf: repeatElement(Self.unknown, count: 256))
        return number
    }
}
