/// Where things lie in the cache that the hub's own tools use, too.
///
/// ```
/// models--OWNER--NAME/blobs/DIGEST               contents, once each
/// models--OWNER--NAME/blobs/DIGEST.incomplete    what has arrived of one
/// models--OWNER--NAME/snapshots/COMMIT/FILE      a link to ../../blobs/DIGEST
/// models--OWNER--NAME/refs/REVISION              the commit that a branch or tag meant
/// models--OWNER--NAME/.no_exist/COMMIT/FILE      an empty file: the repository has no such file
/// .locks/models--OWNER--NAME/DIGEST.lock         locked with flock by whoever fetches it
/// ```
public struct CacheLayout: Sendable {
    private static let prefix = "models--"

    /// The folder with the folders of all models.
    public let root: String
    private let folderName: String

    /// The layout of one model in a cache.
    public init(root: String, _ reference: HubReference) {
        self.root = root
        folderName = "\(Self.prefix)\(reference.owner)--\(reference.name)"
    }

    /// The folder of the model.
    public var folder: String { "\(root)/\(folderName)" }
    var blobs: String { folder + "/blobs" }

    /// Where the content with a digest lies.
    public func blob(_ digest: ContentDigest) -> String { "\(blobs)/\(digest.hexadecimal)" }
    /// Where what has arrived of it lies.
    public func partial(_ digest: ContentDigest) -> String { blob(digest) + ".incomplete" }
    /// What whoever fetches it locks.
    public func lock(_ digest: ContentDigest) -> String { "\(root)/.locks/\(folderName)/\(digest.hexadecimal).lock" }
    /// The file that says which commit a branch or tag meant.
    public func reference(_ revision: String) -> String { "\(folder)/refs/\(revision)" }
    /// The folder with the links of a commit.
    public func snapshot(_ commit: String) -> String { "\(folder)/snapshots/\(commit)" }
    /// The mark that a commit has no file of this name.
    func absence(of name: String, in commit: String) -> String { "\(folder)/.no_exist/\(commit)/\(name)" }
    /// The list of all files of a commit, which some of the hub's tools keep.
    func tree(_ commit: String) -> String { "\(folder)/trees/\(commit).json" }

    /// What a snapshot's link points to; relative, so that the cache may be moved.
    static func linkTarget(_ digest: ContentDigest) -> String { "../../blobs/\(digest.hexadecimal)" }

    /// The name of the model whose snapshot a path is; `nil` for other paths.
    public static func modelName(ofSnapshot path: String) -> String? {
        let parts = path.split(separator: "/")
        guard parts.count >= 3, HubReference.isCommit(String(parts[parts.count - 1])),
            parts[parts.count - 2] == "snapshots", parts[parts.count - 3].hasPrefix(prefix),
            let separator = parts[parts.count - 3].dropFirst(prefix.count).firstRange(of: "--")
        else { return nil }
        return String(parts[parts.count - 3][separator.upperBound...])
    }
}
