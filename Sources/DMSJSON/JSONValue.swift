/// A parsed JSON value.
///
/// Integers are kept apart from other numbers, so that `2147483648` is read exactly.
public enum JSONValue: Equatable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number without fraction and exponent that fits.
    case integer(Int64)
    /// Any number with a fraction or an exponent, integers beyond 64 bits, and the non-finite literals `NaN`,
    /// `Infinity` and `-Infinity` that Python's writer emits. Those are accepted here so that whoever knows the key's
    /// name can refuse them by name.
    case number(Double)
    /// A text.
    case string(String)
    /// Values in order.
    case array([JSONValue])
    /// Values by their keys, in the order of the text.
    case object(JSONObject)

    /// The kind of value in words, for error messages.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

/// A JSON object that remembers the order of its keys.
///
/// Duplicate keys never get here: the reader refuses them.
public struct JSONObject: Equatable, Sendable {
    /// The keys, in the order in which they were set first.
    public private(set) var keys: [String] = []
    private var values: [String: JSONValue] = [:]

    /// No entries.
    public init() {}

    /// Entries in order; of equal keys the last counts.
    public init(_ entries: KeyValuePairs<String, JSONValue>) {
        for (key, value) in entries { self[key] = value }
    }

    /// Average O(1).
    ///
    /// Assigning `nil` removes the key in O(n).
    public subscript(key: String) -> JSONValue? {
        get { values[key] }
        set {
            if let newValue {
                if values.updateValue(newValue, forKey: key) == nil { keys.append(key) }
            } else if values.removeValue(forKey: key) != nil {
                keys.removeAll { $0 == key }
            }
        }
    }

    /// How many entries there are.
    public var count: Int { keys.count }
    /// Whether there are none.
    public var isEmpty: Bool { keys.isEmpty }

    /// The entries in the order in which they were written.
    public var entries: [(key: String, value: JSONValue)] {
        keys.compactMap { key in values[key].map { (key, $0) } }
    }
}
