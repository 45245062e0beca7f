import DMSJSON

extension JSONValue {
    /// A count, or `null`.
    static func count(_ value: Int?) -> JSONValue { value.map { .integer(Int64($0)) } ?? .null }

    /// A number, or `null` where it does not exist.
    static func measure(_ value: Double?) -> JSONValue { value.flatMap { $0.isFinite ? .number($0) : nil } ?? .null }

    /// A text, or `null`.
    static func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }

    static func ids(_ ids: [Int32]) -> JSONValue { .array(ids.map { .integer(Int64($0)) }) }
}

extension Console {
    /// Prints the one object that `--json` promises.
    static func write(_ object: JSONObject) throws { try write(JSONValue.object(object).text() + "\n") }
}
