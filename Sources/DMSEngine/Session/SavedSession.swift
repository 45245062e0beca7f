public import DMSCache
public import DMSCheckpoint

/// A conversation that was saved.
public struct SavedSession: Sendable {
    /// Its name, and whose it is.
    public let name: SessionName
    /// When, in seconds since 1970.
    public let saved: Int64
    /// Bytes of its file.
    public let byteCount: Int
    /// What it is, or why it cannot be used here.
    public let contents: Result<SequenceSummary, Unusable>

    /// A file that is damaged, or was made with something else.
    public struct Unusable: Error, Sendable, Hashable {
        /// Names what is wrong, and no path.
        public let reason: String

        /// What an error says, without the path that it names.
        public init(_ error: CheckpointError) {
            let place = error.subject.map { "\($0): " } ?? ""
            reason = "\(place)found \(error.found), required \(error.required)"
        }
    }
}
