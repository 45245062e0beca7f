public import DMSTokenizer
import FoundationEssentials

/// A text file to be evaluated on, read whole and checked.
public struct CorpusText: Sendable {
    /// The path, as it was given.
    public let path: String
    /// The text without a byte order mark, and with all line breaks as they are.
    public let text: String
    /// Whether the file has such a mark, and line breaks that cost tokens.
    public let marks: TextMarks

    /// - Throws: ``EvaluationError`` for a file that is missing, unreadable, empty, or not UTF-8; a byte that is not
    ///   UTF-8 is named by its offset.
    public init(path: String) throws(EvaluationError) {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw EvaluationError("corpus \(path): \(Self.reason(path, error)); required: a readable UTF-8 text file")
        }
        marks = data.withUnsafeBytes { TextMarks($0) }
        guard data.count > marks.prefixLength else {
            throw EvaluationError("corpus \(path): found an empty file; required: a UTF-8 text")
        }
        guard let text = String(validating: data.dropFirst(marks.prefixLength), as: UTF8.self) else {
            let offset = Self.validPrefix(of: data)
            throw EvaluationError("corpus \(path): found a byte that is not UTF-8 at offset \(offset); required: UTF-8")
        }
        self.path = path
        self.text = text
    }

    private static func reason(_ path: String, _ error: any Error) -> String {
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            return "there is no such file"
        }
        return isDirectory ? "found a folder" : "the file cannot be read (\(error))"
    }

    /// Bytes before the first that cannot be decoded.
    private static func validPrefix(of data: Data) -> Int {
        var decoder = UTF8()
        var bytes = data.makeIterator()
        var valid = 0
        while case .scalarValue(let scalar) = decoder.decode(&bytes) {
            valid += UTF8.width(scalar)
        }
        return valid
    }
}
