/// Why an engine does not find, or does not save, a conversation.
public enum SessionError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The engine keeps none.
    case notKept
    /// Nothing was saved under the name.
    case notFound(SessionName)
    /// What was saved cannot be used here; the reason names what differs, and no path.
    case unusable(SessionName, reason: String)
    /// Another conversation was saved under the name since it was read.
    case changed(SessionName)
    /// The owner has as many as allowed.
    case tooMany(limit: Int)
    /// The file would take the folder beyond what it may hold.
    case tooLarge(neededBytes: Int, limit: Int)

    public var description: String {
        switch self {
        case .notKept: "no conversations are saved here"
        case .notFound(let name): "no conversation \"\(name)\" is saved"
        case .unusable(let name, let reason): "the conversation \"\(name)\" cannot be used: \(reason)"
        case .changed(let name): "the conversation \"\(name)\" was saved anew meanwhile; ask again"
        case .tooMany(let limit): "\(limit) conversations are saved, which is the most; delete one"
        // How much others have is not everyone's business.
        case .tooLarge(let needed, let limit):
            "saving needs \(needed) bytes, and what is saved already leaves less of \(limit); delete conversations"
        }
    }
}
