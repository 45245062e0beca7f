/// Why a tokenizer cannot be read, or a text or token id cannot be used with it.
public struct TokenizerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file, where one is at fault.
    public let file: String?
    /// What is there.
    public let found: String
    /// What should be there.
    public let required: String

    /// An error that names the file, what was found and what is required.
    public init(file: String? = nil, found: String, required: String) {
        self.file = file
        self.found = found
        self.required = required
    }

    public var description: String {
        (file.map { "\($0): " } ?? "") + "found \(found); required: \(required)"
    }
}
