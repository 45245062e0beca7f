import DMSJSON

/// A file of a repository that is to be fetched.
public struct HubFile: Hashable, Sendable {
    /// A plain name; files in folders are never fetched.
    public let name: String
    /// In bytes.
    public let size: Int
    /// What the content is known by.
    public let digest: ContentDigest
}

/// What a hub says is in a repository at one commit.
public struct HubListing: Equatable, Sendable {
    /// A file as listed; a careless server may leave out what ``CheckpointFiles`` then asks for.
    struct Entry: Equatable, Sendable {
        let name: String
        let size: Int?
        let digest: ContentDigest?
    }

    /// The largest size that a file may state: a pebibyte.
    private static let largestSize = 1 << 50

    /// The longest text that is read, in bytes: some hundred thousand files.
    static let maximumLength = 64 << 20

    /// The commit that the revision means now.
    public let commit: String
    let entries: [Entry]
    /// The URL it came from, for errors.
    let place: String

    /// Reads the answer of `/api/models/OWNER/NAME/revision/REVISION?blobs=true`.
    ///
    /// - Throws: ``HubError`` also for a name that leads out of its folder: such a server is not trusted with the rest.
    init(parsing text: [UInt8], place: String) throws(HubError) {
        func fail(_ found: String, _ required: String) -> HubError {
            HubError(.listing, place, found: found, required: required)
        }
        let root: JSONObject
        do {
            guard let object = try JSONReader.parse(text, limits: .init(depth: 64, entries: 1_000_000)).objectValue
            else { throw fail("no JSON object", "the description of a model") }
            root = object
        } catch let error as JSONError {
            throw fail("no JSON: \(error)", "the description of a model")
        } catch let error as HubError { throw error } catch { throw fail("\(error)", "the description of a model") }
        guard let commit = root["sha"]?.stringValue, HubReference.isCommit(commit) else {
            throw fail("sha \(HubError.quoted(root["sha"]?.text() ?? "absent"))", "a commit in hexadecimal")
        }
        guard let siblings = root["siblings"]?.arrayValue else {
            throw fail("no list siblings", "the list of the repository's files")
        }
        var names: Set<String> = []
        var entries: [Entry] = []
        for sibling in siblings {
            guard let object = sibling.objectValue, let name = object["rfilename"]?.stringValue else {
                throw fail("a file without rfilename", "the name of each file")
            }
            guard Self.staysInFolder(name) else {
                throw fail("the file name \(HubError.quoted(name))", "names inside the repository")
            }
            guard names.insert(name).inserted else { throw fail("\(HubError.quoted(name)) twice", "different names") }
            entries.append(Self.entry(name, object))
        }
        self.commit = commit
        self.entries = entries
        self.place = place
    }

    private static func entry(_ name: String, _ object: JSONObject) -> Entry {
        let large = object["lfs"]?.objectValue
        let size = (large?["size"] ?? object["size"])?.integerValue.flatMap { Int(exactly: $0) }
        let digest: ContentDigest? =
            if let large {
                // Some servers write the name of the algorithm in front.
                (large["sha256"] ?? large["oid"])?.stringValue.flatMap {
                    .sha256(checking: $0.hasPrefix("sha256:") ? String($0.dropFirst(7)) : $0)
                }
            } else {
                object["blobId"]?.stringValue.flatMap { .gitBlob(checking: $0) }
            }
        // Sums of such sizes do not overflow, however many files there are.
        return Entry(name: name, size: size.flatMap { (0...Self.largestSize).contains($0) ? $0 : nil }, digest: digest)
    }

    private static func staysInFolder(_ name: String) -> Bool {
        guard name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }) else { return false }
        return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && $0 != "." && $0 != ".."
        }
    }
}
