import DMSJSON

/// Reads the keys of a configuration object, each checked for kind and range.
///
/// A key whose value is `null` counts as absent, as it does for the writers of these files.
struct ConfigurationReader {
    /// The longest configuration file that is read, in bytes.
    static let maximumLength = 4 << 20

    let object: JSONObject
    let file: String
    /// Where the object lies in the file, for error messages: empty, or a key and a dot.
    var prefix = ""

    /// Parses a text that must be one JSON object.
    static func object(parsing text: [UInt8], file: String) throws(CheckpointError) -> JSONObject {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONReader.parse(text, limits: JSONReader.Limits(depth: 32, entries: 1_000_000))
        } catch {
            let foreign = text.withUnsafeBytes { ForeignContent.kind(of: $0) }
            throw CheckpointError(file: file, found: foreign ?? "\(error)", required: "one JSON object")
        }
        guard let object = value.objectValue else {
            throw CheckpointError(file: file, found: CheckpointError.shown(value), required: "one JSON object")
        }
        return object
    }

    func fail(_ key: String, found: String, required: String) -> CheckpointError {
        CheckpointError(file: file, .key(prefix + key), found: found, required: required)
    }

    func value(_ key: String) -> JSONValue? {
        guard let value = object[key], !value.isNull else { return nil }
        return value
    }

    /// Unwraps a value that has no default.
    func required<T>(_ value: T?, _ key: String, _ required: String) throws(CheckpointError) -> T {
        guard let value else { throw fail(key, found: "no value", required: required) }
        return value
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(CheckpointError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let integer = value.integerValue, range.contains(Int(integer)) else {
            throw fail(key, found: CheckpointError.shown(value), required: Self.words(for: range))
        }
        return Int(integer)
    }

    func requiredInteger(_ key: String, in range: ClosedRange<Int>) throws(CheckpointError) -> Int {
        try required(integer(key, in: range), key, Self.words(for: range))
    }

    private static func words(for range: ClosedRange<Int>) -> String {
        "an integer from \(range.lowerBound) to \(range.upperBound)"
    }

    /// A finite number that satisfies a condition, given also in words.
    func number(
        _ key: String, _ words: String, where condition: (Double) -> Bool
    ) throws(CheckpointError) -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.doubleValue, number.isFinite, condition(number) else {
            throw fail(key, found: CheckpointError.shown(value), required: words)
        }
        return number
    }

    func requiredNumber(
        _ key: String, _ words: String, where condition: (Double) -> Bool
    ) throws(CheckpointError) -> Double {
        try required(number(key, words, where: condition), key, words)
    }

    func boolean(_ key: String) throws(CheckpointError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let boolean = value.boolValue else {
            throw fail(key, found: CheckpointError.shown(value), required: "true or false")
        }
        return boolean
    }

    func string(_ key: String) throws(CheckpointError) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.stringValue else {
            throw fail(key, found: CheckpointError.shown(value), required: "a string")
        }
        return string
    }

    func nested(_ key: String) throws(CheckpointError) -> ConfigurationReader? {
        guard let value = value(key) else { return nil }
        guard let object = value.objectValue else {
            throw fail(key, found: CheckpointError.shown(value), required: "an object")
        }
        return ConfigurationReader(object: object, file: file, prefix: prefix + key + ".")
    }

    /// A token id.
    func tokenID(_ key: String, vocabularySize: Int) throws(CheckpointError) -> Int32? {
        try integer(key, in: 0...vocabularySize - 1).map { Int32($0) }
    }

    /// Token ids, written as one number or as a list; `nil` when the key is absent.
    func tokenIDs(_ key: String, vocabularySize: Int) throws(CheckpointError) -> [Int32]? {
        guard let value = value(key) else { return nil }
        var ids: [Int32] = []
        for element in value.arrayValue ?? [value] {
            guard let id = element.integerValue, id >= 0, id < vocabularySize else {
                throw fail(
                    key, found: CheckpointError.shown(value),
                    required: "an integer, or a list of integers, from 0 to \(vocabularySize - 1) (vocab_size - 1)")
            }
            if !ids.contains(Int32(id)) { ids.append(Int32(id)) }
            guard ids.count <= 1024 else {
                throw fail(key, found: "more than 1024 ids", required: "at most 1024")
            }
        }
        return ids
    }
}
