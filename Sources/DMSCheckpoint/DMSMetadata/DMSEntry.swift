import DMSJSON
import DMSPolicy

/// One key of a file with its value, and how to read it as what it has to be.
///
/// Every error names the file, the key, what was found and what is required.
struct DMSEntry {
    let file: String
    let key: String
    let value: JSONValue

    var origin: DMSOrigin { .file(file, key: key) }

    func fail(required: String) -> CheckpointError {
        CheckpointError(file: file, .key(key), found: CheckpointError.shown(value), required: required)
    }

    func bool() throws(CheckpointError) -> Bool {
        guard let bool = value.boolValue else { throw fail(required: "true or false") }
        return bool
    }

    func string() throws(CheckpointError) -> String {
        guard let string = value.stringValue else { throw fail(required: "a string") }
        return string
    }

    func object() throws(CheckpointError) -> JSONObject {
        guard let object = value.objectValue else { throw fail(required: "an object") }
        return object
    }

    func integer(in range: ClosedRange<Int>) throws(CheckpointError) -> Int {
        guard let integer = value.integerValue, let integer = Int(exactly: integer), range.contains(integer) else {
            let bounds =
                range.upperBound == .max
                ? "\(range.lowerBound) or more" : "from \(range.lowerBound) to \(range.upperBound)"
            throw fail(required: "an integer, \(bounds)")
        }
        return integer
    }

    func number(atLeast bound: Double) throws(CheckpointError) -> Double {
        guard let number = value.doubleValue, number.isFinite, number >= bound else {
            throw fail(required: "a finite number, \(bound) or more")
        }
        return number
    }

    func windowSize() throws(CheckpointError) -> Int {
        try integer(in: 0...RetentionRule.largestWindow)
    }

    func alphaScale() throws(CheckpointError) -> Float {
        guard let number = value.doubleValue, Float(number).isFinite, Float(number) > 0 else {
            throw fail(required: "a finite number above 0, in 32-bit precision")
        }
        return Float(number)
    }

    func alphaOffset() throws(CheckpointError) -> Float {
        guard let number = value.doubleValue, Float(number).isFinite else {
            throw fail(required: "a finite number, in 32-bit precision")
        }
        return Float(number)
    }

    func profile() throws(CheckpointError) -> SemanticsProfile {
        try named(SemanticsProfile.init(named:))
    }

    func decisionSource() throws(CheckpointError) -> DecisionSource {
        try named(DecisionSource.init(named:))
    }

    func zeroing() throws(CheckpointError) -> ChannelZeroing {
        try named(ChannelZeroing.init(named:))
    }

    func channel() throws(CheckpointError) -> BorrowedChannel {
        if value == .string("last") { return .last }
        guard let integer = value.integerValue, let index = Int(exactly: integer),
            let channel = try? BorrowedChannel(index: index)
        else { throw fail(required: "\"last\" or an index counted from 0") }
        return channel
    }

    /// `"1.0"`, or the major number alone.
    func formatVersion() throws(CheckpointError) -> String {
        let required = "version \(DMSMetadata.formatMajor), written as \"\(DMSMetadata.formatVersion)\""
        let text = value.integerValue.map(String.init) ?? value.stringValue
        guard let text else { throw fail(required: required) }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isVersion =
            (1...2).contains(parts.count) && parts.allSatisfy { $0.allSatisfy(\.isASCIIDigit) && !$0.isEmpty }
        guard isVersion, Int(parts[0]) == DMSMetadata.formatMajor else { throw fail(required: required) }
        return text
    }

    /// A SHA-256 digest, in lower case.
    func digest() throws(CheckpointError) -> String {
        guard let text = value.stringValue, text.utf8.count == 64, text.allSatisfy(\.isASCIIHexDigit) else {
            throw fail(required: "a SHA-256 digest of 64 hexadecimal digits")
        }
        return text.lowercased()
    }

    private func named<Value>(_ lookUp: (String) throws(PolicyError) -> Value) throws(CheckpointError) -> Value {
        do throws(PolicyError) {
            return try lookUp(value.stringValue ?? "")
        } catch {
            throw fail(required: error.required)
        }
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { isASCII && isWholeNumber }
    fileprivate var isASCIIHexDigit: Bool { isASCII && isHexDigit }
}
