import DMSCheckpoint
import DMSJSON

/// What the cache has of a model, found without a network.
public enum CachedModel: Equatable, Sendable {
    /// Nothing.
    case absent
    /// A snapshot that lacks these files.
    case incomplete(path: String, missing: [String])
    /// A snapshot that could be loaded, but of which nobody noted whether the repository has these files, too.
    ///
    /// Other tools leave such snapshots: they fetch what they read themselves.
    case unverified(path: String, unknown: [String])
    /// A snapshot with everything that belongs to the checkpoint.
    case complete(path: String)

    /// Looks for the revision that the cache knows under its name.
    public static func find(_ reference: HubReference, cache: String) -> CachedModel {
        let layout = CacheLayout(root: cache, reference)
        guard let commit = commit(reference, layout) else { return .absent }
        let path = layout.snapshot(commit)
        guard MappedFile.exists(path: path) else { return .absent }
        func isHere(_ name: String) -> Bool { MappedFile.exists(path: "\(path)/\(name)") }
        var missing = isHere(CheckpointFiles.configuration) ? [] : [CheckpointFiles.configuration]
        if isHere(CheckpointFiles.index) {
            missing += shards(path + "/" + CheckpointFiles.index).filter { !isHere($0) }
        } else if !isHere(CheckpointFiles.weights) {
            missing.append(CheckpointFiles.weights)
        }
        let listed = names(inTree: layout.tree(commit))
        var unknown: [String] = []
        for name in CheckpointFiles.decisive where !isHere(name) {
            if let listed {
                if listed.contains(name) { missing.append(name) }
            } else if !MappedFile.exists(path: layout.absence(of: name, in: commit)) {
                unknown.append(name)
            }
        }
        if !missing.isEmpty { return .incomplete(path: path, missing: missing) }
        return unknown.isEmpty ? .complete(path: path) : .unverified(path: path, unknown: unknown)
    }

    private static func commit(_ reference: HubReference, _ layout: CacheLayout) -> String? {
        if reference.isCommit { return reference.revision }
        guard let bytes = try? MappedFile.contents(ofPath: layout.reference(reference.revision), limit: 1024)
        else { return nil }
        let text = String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
        return HubReference.isCommit(text) ? text : nil
    }

    /// The files that an index names; the index itself where it cannot be read, which is not complete either.
    private static func shards(_ path: String) -> [String] {
        guard let text = try? MappedFile.contents(ofPath: path, limit: ModelPull.maximumIndexLength),
            let index = try? ShardIndex(parsing: text, file: path)
        else { return ["a readable " + CheckpointFiles.index] }
        return index.shards
    }

    private static func names(inTree path: String) -> Set<String>? {
        guard let text = try? MappedFile.contents(ofPath: path, limit: HubListing.maximumLength),
            let root = try? JSONReader.parse(text).objectValue, let files = root["files"]?.objectValue
        else { return nil }
        return Set(files.keys)
    }
}
