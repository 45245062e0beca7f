import DMSJSON

/// The value at which a key of a `config.json` changes nothing.
enum NeutralValue: Hashable {
    case absent
    case no
    case one
    case zero
    case zeroOrOne
    case empty
    case fullAttention
    /// No number of positions below `max_position_embeddings`: of two positions of a context none is further away.
    case wholeContext
    /// Not read in this family.
    case anything

    var words: String {
        switch self {
        case .absent: "no value, as it is not supported"
        case .no: "false, as it is not supported"
        case .one: "1, as nothing else is supported"
        case .zero: "0, as nothing else is supported"
        case .zeroOrOne: "0 or 1, as mixtures of experts are not supported"
        case .empty: "nothing in it, as it is not supported"
        case .fullAttention: "\"full_attention\" for every layer, as sliding windows are not supported"
        case .wholeContext: "null or at least max_position_embeddings, as sliding windows are not supported"
        case .anything: "anything"
        }
    }

    /// - Parameter configuration: The object that the value is in.
    func accepts(_ value: JSONValue, in configuration: JSONObject) -> Bool {
        switch self {
        case .absent: false
        case .no: value == .bool(false)
        case .one: value.doubleValue == 1
        case .zero: value.doubleValue == 0
        case .zeroOrOne: value.doubleValue == 0 || value.doubleValue == 1
        case .empty: value.objectValue?.isEmpty ?? value.arrayValue?.isEmpty ?? false
        case .fullAttention: value.arrayValue?.allSatisfy { $0 == .string("full_attention") } ?? false
        case .wholeContext:
            if let window = value.integerValue, let context = configuration["max_position_embeddings"]?.integerValue {
                window >= context
            } else {
                false
            }
        case .anything: true
        }
    }
}
