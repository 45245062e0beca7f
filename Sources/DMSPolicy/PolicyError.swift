/// A value that cannot be part of a DMS policy: which field, what was found there, and what it has to be.
///
/// Readers of files add the file's name; see `DMSMetadata` in `DMSCheckpoint`.
public struct PolicyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The field's name as metadata files spell it, for example `window_size`.
    public let field: String
    /// The value that was found, in words.
    public let found: String
    /// What the value has to be, in words.
    public let required: String

    /// An error that names a field, what was found and what is required.
    public init(field: String, found: String, required: String) {
        self.field = field
        self.found = found
        self.required = required
    }

    public var description: String { "\(field) is \(found), but must be \(required)" }
}
