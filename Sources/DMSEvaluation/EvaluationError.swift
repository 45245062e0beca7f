/// An evaluation cannot be done as asked: what was found and what is required.
public struct EvaluationError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    /// What cannot be judged, in words.
    public init(_ description: String) { self.description = description }
}
