/// What is done to text between added tokens before it is cut into pieces.
enum TextNormalization: Sendable {
    /// Nothing.
    case none
    /// Normalization form C: marks in their order and composed with what they stand on.
    case canonicalComposition

    /// Calls `body` with the normalised text, which is `text` itself where nothing changes.
    ///
    /// - Parameter text: Valid UTF-8.
    func withNormalized(_ text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        guard case .canonicalComposition = self, let normalized = CanonicalForms.shared.composed(text) else {
            return body(text)
        }
        normalized.withUnsafeBufferPointer(body)
    }

    /// The normalised text.
    func normalized(_ text: [UInt8]) -> [UInt8] {
        var result = text
        text.withUnsafeBufferPointer { withNormalized($0) { result = Array($0) } }
        return result
    }
}
