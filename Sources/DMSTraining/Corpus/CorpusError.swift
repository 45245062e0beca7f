/// Why a text cannot be trained on: the file, the line where there is one, what was found and what is required.
public struct CorpusError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file's path as it was given; `nil` when the corpus as a whole is wrong.
    public let file: String?
    /// Counted from 1; `nil` when the file as a whole is wrong.
    public let line: Int?
    /// What is there.
    public let found: String
    /// What should be there.
    public let required: String

    /// An error that names file and line, what was found and what is required.
    public init(file: String? = nil, line: Int? = nil, found: String, required: String) {
        self.file = file
        self.line = line
        self.found = found
        self.required = required
    }

    public var description: String {
        let place = [file, line.map { "line \($0)" }].compactMap { $0 }.joined(separator: ", ")
        return (place.isEmpty ? "" : place + ": ") + "found \(found); required: \(required)"
    }
}
