/// The rules of JSON (RFC 8259) as a model may write it: no byte that a strict reader refuses, and little white space,
/// for a model could go on writing that for ever.
struct JSONRules {
    let string: GrammarBuilder.Rule
    let character: GrammarBuilder.Rule
    let number: GrammarBuilder.Rule
    let integer: GrammarBuilder.Rule
    /// Any value.
    let value: GrammarBuilder.Rule
    let object: GrammarBuilder.Rule
    let array: GrammarBuilder.Rule
    /// Nothing, a space, or a new line with indentation.
    let space: GrammarBuilder.Rule

    private static let deepestIndentation = 20

    init(_ builder: inout GrammarBuilder) {
        space = builder.define(
            .optional(
                .choice([
                    .literal(" "),
                    .sequence([
                        .literal("\n"), .times(0...Self.deepestIndentation, .bytes(ByteSet(" \t"))),
                    ]),
                ])))
        character = builder.define(Self.characterExpression)
        string = builder.define(
            .sequence([.literal("\""), .repeated(.rule(character)), .literal("\"")]))
        integer = builder.define(Self.integerExpression)
        number = builder.define(
            .sequence([
                .rule(integer), .optional(.sequence([.literal("."), Self.digits])),
                .optional(
                    .sequence([.bytes(ByteSet("eE")), .optional(.bytes(ByteSet("+-"))), Self.digits])),
            ]))
        value = builder.declare()
        let member = builder.define(
            .sequence([.rule(string), .literal(":"), .rule(space), .rule(value)]))
        object = builder.define(Self.list("{", "}", of: .rule(member), count: nil, space: space))
        array = builder.define(Self.list("[", "]", of: .rule(value), count: nil, space: space))
        builder.define(
            value,
            .choice([
                .rule(object), .rule(array), .rule(string), .rule(number), .literal("true"), .literal("false"),
                .literal("null"),
            ]))
    }

    /// Items between brackets, with commas; `count` bounds how many.
    static func list(
        _ open: String, _ close: String, of item: GrammarExpression, count: (least: Int, most: Int?)?,
        space: GrammarBuilder.Rule
    ) -> GrammarExpression {
        let another = GrammarExpression.sequence([.literal(","), .rule(space), item])
        let least = count?.least ?? 0
        let more: GrammarExpression =
            if let most = count?.most {
                .times(max(0, least - 1)...max(0, most - 1), another)
            } else {
                .sequence([.times(max(0, least - 1)...max(0, least - 1), another), .repeated(another)])
            }
        let items = GrammarExpression.sequence([item, more])
        let body: GrammarExpression =
            if count?.most == 0 { .sequence([]) } else if least == 0 { .optional(items) } else { items }
        return .sequence([.literal(open), .rule(space), body, .rule(space), .literal(close)])
    }

    // MARK: Lexical rules

    private static let digits = GrammarExpression.sequence([
        .bytes(ByteSet(0x30...0x39)), .repeated(.bytes(ByteSet(0x30...0x39))),
    ])

    private static let integerExpression = GrammarExpression.sequence([
        .optional(.literal("-")),
        .choice([
            .literal("0"),
            .sequence([.bytes(ByteSet(0x31...0x39)), .repeated(.bytes(ByteSet(0x30...0x39)))]),
        ]),
    ])

    /// One Unicode scalar in UTF-8 (RFC 3629), or an escape; a surrogate only as the first of a pair.
    private static var characterExpression: GrammarExpression {
        var plain = ByteSet(0x20...0x7F)
        plain.remove(0x22)
        plain.remove(0x5C)
        let tail = GrammarExpression.bytes(ByteSet(0x80...0xBF))
        let hex = GrammarExpression.bytes(ByteSet("0123456789abcdefABCDEF"))
        func sequence(_ first: ClosedRange<UInt8>, _ second: ClosedRange<UInt8>, tails: Int) -> GrammarExpression {
            .sequence([.bytes(ByteSet(first)), .bytes(ByteSet(second))] + Array(repeating: tail, count: tails))
        }
        let highSurrogate = GrammarExpression.sequence([
            .bytes(ByteSet("dD")), .bytes(ByteSet("89abAB")), hex, hex,
        ])
        let lowSurrogate = GrammarExpression.sequence([
            .bytes(ByteSet("dD")), .bytes(ByteSet("cdefCDEF")), hex, hex,
        ])
        let scalar = GrammarExpression.choice([
            .sequence([.bytes(ByteSet("0123456789abcefABCEF")), hex, hex, hex]),
            .sequence([.bytes(ByteSet("dD")), .bytes(ByteSet(0x30...0x37)), hex, hex]),
            .sequence([highSurrogate, .literal("\\u"), lowSurrogate]),
        ])
        return .choice([
            .bytes(plain), .sequence([.literal("\\"), .bytes(ByteSet("\"\\/bfnrt"))]),
            .sequence([.literal("\\u"), scalar]),
            sequence(0xC2...0xDF, 0x80...0xBF, tails: 0), sequence(0xE0...0xE0, 0xA0...0xBF, tails: 1),
            sequence(0xE1...0xEC, 0x80...0xBF, tails: 1), sequence(0xED...0xED, 0x80...0x9F, tails: 1),
            sequence(0xEE...0xEF, 0x80...0xBF, tails: 1), sequence(0xF0...0xF0, 0x90...0xBF, tails: 2),
            sequence(0xF1...0xF3, 0x80...0xBF, tails: 2), sequence(0xF4...0xF4, 0x80...0x8F, tails: 2),
        ])
    }
}

extension Grammar {
    /// Any JSON object, as the response format `json_object` asks for.
    public static let jsonObject: Grammar = {
        var builder = GrammarBuilder()
        let rules = JSONRules(&builder)
        return builder.grammar(from: rules.object)
    }()
}
