import DMSCheckpoint
import DMSJSON

/// Why a model could not be fetched from a hub, or found in the cache.
public struct HubError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What went wrong, for programs.
    public enum Kind: Equatable, Sendable {
        /// A name, revision, URL or variable that cannot be used.
        case setting
        /// The network is forbidden, and what is there does not suffice.
        case offline
        /// Nothing was reached, or what was reached went away or fell silent.
        case connection
        /// The server answered with this status.
        case status(Int)
        /// A redirection that is not followed.
        case redirect
        /// The listing of the repository makes no sense, or no checkpoint.
        case listing
        /// The server sends another number of bytes than it said.
        case size
        /// The bytes are not those that were promised.
        case digest
        /// The file system refuses.
        case disk
    }

    /// What went wrong, for programs.
    public let kind: Kind
    /// The URL, without its query, or the path.
    public let place: String
    /// What is there.
    public let found: String
    /// What has to be, or what to do.
    public let required: String

    /// An error about a place.
    public init(_ kind: Kind, _ place: String, found: String, required: String) {
        self.kind = kind
        self.place = place
        self.found = found
        self.required = required
    }

    public var description: String { "\(place): found \(found); required: \(required)" }

    /// Text from a server as a message shows it: control characters escaped, length bounded.
    static func quoted(_ text: String) -> String {
        JSONValue.string(CheckpointError.clipped(text, to: 160)).text()
    }
}
