/// A model on a hub: `OWNER/NAME` and a revision of it.
public struct HubReference: Hashable, Sendable, CustomStringConvertible {
    /// The branch that is meant when none is named.
    public static let defaultRevision = "main"

    /// The user or organisation.
    public let owner: String
    /// The repository, without its owner.
    public let name: String
    /// A branch, a tag, or a commit.
    public let revision: String

    /// `OWNER/NAME`.
    public var repository: String { "\(owner)/\(name)" }
    public var description: String {
        revision == Self.defaultRevision ? repository : "\(repository)@\(revision)"
    }

    /// Whether the revision is a commit, which always means the same files.
    public var isCommit: Bool { Self.isCommit(revision) }

    /// - Throws: ``HubError`` for parts that a hub would not accept.
    public init(owner: String, name: String, revision: String = HubReference.defaultRevision) throws(HubError) {
        for part in [owner, name] where !Self.isName(part) {
            throw HubError(
                .setting, "\(owner)/\(name)", found: "the part \(HubError.quoted(part))",
                required:
                    "OWNER/NAME of letters, digits, '-', '_' and '.', with neither of '-' and '.' at an end or twice")
        }
        guard Self.isRevision(revision) else {
            throw HubError(
                .setting, "\(owner)/\(name)", found: "the revision \(HubError.quoted(revision))",
                required: "a branch, a tag or a commit")
        }
        self.owner = owner
        self.name = name
        self.revision = revision
    }

    /// Reads `OWNER/NAME` or `OWNER/NAME@REVISION`.
    ///
    /// - Parameter revision: Stated apart; then the text must not have one, too.
    public init(parsing text: String, revision: String? = nil) throws(HubError) {
        let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else {
            throw HubError(.setting, text, found: "no name of a model on a hub", required: "OWNER/NAME[@REVISION]")
        }
        if halves.count == 2, let revision {
            throw HubError(
                .setting, text, found: "two revisions, \(halves[1]) and \(revision)", required: "one revision")
        }
        let stated = halves.count == 2 ? String(halves[1]) : revision
        try self.init(owner: parts[0], name: parts[1], revision: stated ?? Self.defaultRevision)
    }

    /// Whether a text is forty or sixty-four lower-case hexadecimal digits, as git names commits.
    static func isCommit(_ text: String) -> Bool { [40, 64].contains(text.utf8.count) && isHexadecimal(text) }

    static func isHexadecimal(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// Names become parts of URLs and of folders, in which `--` separates owner and name.
    private static func isName(_ text: String) -> Bool {
        guard (1...96).contains(text.utf8.count), text.utf8.allSatisfy(isNameByte) else { return false }
        for end in ["-", "."] where text.hasPrefix(end) || text.hasSuffix(end) { return false }
        return !text.contains("--") && !text.contains("..")
    }

    /// Revisions become files below `refs`, so no part may lead out of there.
    private static func isRevision(_ text: String) -> Bool {
        guard (1...200).contains(text.utf8.count) else { return false }
        return text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && !part.hasPrefix(".") && !part.hasPrefix("-") && !part.hasSuffix(".lock")
                && part.utf8.allSatisfy { isNameByte($0) || $0 == UInt8(ascii: "+") }
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
    }
}
