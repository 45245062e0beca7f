import DMSJSON

/// The fields of a request's object, read with types and bounds.
///
/// A field that is `null` counts as absent, as in OpenAI's API. One that is not known is an error, so nothing that a
/// client asks for is dropped in silence.
struct Fields {
    let object: JSONObject
    /// What stands before a field's name in messages: `messages[2].`.
    let prefix: String

    /// - Parameters:
    ///   - path: The object's own place, empty for the whole body.
    ///   - known: Every field that may occur.
    /// - Throws: `APIError` naming the first field that may not.
    init(_ object: JSONObject, path: String = "", known: [String]) throws(APIError) {
        self.object = object
        prefix = path.isEmpty ? "" : path + "."
        if let key = object.keys.first(where: { !known.contains($0) }) { throw .unknown(prefix + key) }
    }

    /// Reads a body.
    ///
    /// - Throws: `APIError` for bytes that are not one JSON object.
    static func parse(_ body: [UInt8]) throws(APIError) -> JSONObject {
        // Deep enough for any schema a person writes, and far from any stack's end.
        let limits = JSONReader.Limits(depth: 32, entries: 1 << 20)
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONReader.parse(body, limits: limits)
        } catch {
            throw .body("\(error)")
        }
        guard let object = value.objectValue else { throw .body("found \(value.kind), required an object") }
        return object
    }

    /// The value of a field; `nil` where it is absent or `null`.
    subscript(key: String) -> JSONValue? {
        guard let value = object[key], !value.isNull else { return nil }
        return value
    }

    func path(_ key: String) -> String { prefix + key }

    private func wrong(_ key: String, _ value: JSONValue, _ required: String) -> APIError {
        .invalid(path(key), found: Self.found(value), required: required)
    }

    /// A value for a message: numbers are said, texts are not, which may be long.
    static func found(_ value: JSONValue) -> String {
        switch value {
        case .number(let number): "\(number)"
        case .integer, .bool: value.text()
        default: value.kind
        }
    }

    func string(_ key: String) throws(APIError) -> String? {
        guard let value = self[key] else { return nil }
        guard let string = value.stringValue else { throw wrong(key, value, "a string") }
        return string
    }

    func boolean(_ key: String) throws(APIError) -> Bool? {
        guard let value = self[key] else { return nil }
        guard let boolean = value.boolValue else { throw wrong(key, value, "true or false") }
        return boolean
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = self[key] else { return nil }
        guard let integer = value.integerValue.flatMap({ Int(exactly: $0) }), range.contains(integer) else {
            throw wrong(key, value, "an integer, \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
        guard let value = self[key] else { return nil }
        // No range contains NaN.
        guard let number = value.doubleValue, range.contains(number) else {
            throw wrong(key, value, "a number, \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func array(_ key: String) throws(APIError) -> [JSONValue]? {
        guard let value = self[key] else { return nil }
        guard let array = value.arrayValue else { throw wrong(key, value, "a list") }
        return array
    }

    func object(_ key: String) throws(APIError) -> JSONObject? {
        guard let value = self[key] else { return nil }
        guard let object = value.objectValue else { throw wrong(key, value, "an object") }
        return object
    }

    /// A list of token ids; whether a model has them is for the engine to say.
    func tokens(_ key: String) throws(APIError) -> [Int32]? {
        guard let list = try array(key) else { return nil }
        return try Self.tokens(list, path: path(key))
    }

    static func tokens(_ list: [JSONValue], path: String) throws(APIError) -> [Int32] {
        var tokens: [Int32] = []
        tokens.reserveCapacity(list.count)
        for (index, value) in list.enumerated() {
            guard let token = value.integerValue.flatMap({ Int32(exactly: $0) }) else {
                throw .invalid("\(path)[\(index)]", found: value.kind, required: "a token id")
            }
            tokens.append(token)
        }
        return tokens
    }
}
