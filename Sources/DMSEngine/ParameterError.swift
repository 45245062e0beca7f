/// A parameter from outside that cannot be used.
public struct ParameterError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The parameter's name, as in the public API: `topP`.
    public let field: String
    /// The value found.
    public let found: String
    /// What would be accepted.
    public let required: String

    /// An error that names the parameter, what was found and what is required.
    public init(field: String, found: String, required: String) {
        self.field = field
        self.found = found
        self.required = required
    }

    public var description: String { "\(field): found \(found), required \(required)" }
}
