/// Training cannot begin or go on as asked.
public struct TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    /// What cannot be, in words.
    public init(_ description: String) { self.description = description }

    /// A value from outside that cannot be: what was found and what it has to be.
    init(_ name: String, found: String, required: String) {
        self.init("\(name): found \(found), required \(required)")
    }
}
