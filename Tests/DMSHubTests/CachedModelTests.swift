import DMSTestSupport
import Foundation
import Testing

@testable import DMSHub

@Suite("The cache, without a network")
struct CachedModelTests {
    private let folder: TemporaryFolder
    private let layout: CacheLayout
    private let reference: HubReference
    private let commit = String(repeating: "0a", count: 20)

    init() throws {
        folder = try TemporaryFolder()
        reference = try HubReference(parsing: "owner/name")
        layout = CacheLayout(root: folder.path, reference)
        try write("refs/main", commit)
    }

    private func write(_ name: String, _ text: String = "{}") throws {
        let file = URL(fileURLWithPath: "\(layout.folder)/\(name)")
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    private func snapshot(_ names: String...) throws { for name in names { try write("snapshots/\(commit)/\(name)") } }
    private func absent(_ names: String...) throws {
        for name in names { try write(".no_exist/\(commit)/\(name)", "") }
    }
    private var found: CachedModel { CachedModel.find(reference, cache: folder.path) }
    private var path: String { layout.snapshot(commit) }

    @Test("the names of everything, as the hub's tools have them")
    func layoutNames() throws {
        let digest = ContentDigest.sha256(String(repeating: "f", count: 64))
        let root = folder.path
        #expect(layout.blob(digest) == "\(root)/models--owner--name/blobs/\(digest.hexadecimal)")
        #expect(layout.partial(digest) == "\(root)/models--owner--name/blobs/\(digest.hexadecimal).incomplete")
        #expect(layout.lock(digest) == "\(root)/.locks/models--owner--name/\(digest.hexadecimal).lock")
        #expect(layout.reference("refs/pr/1") == "\(root)/models--owner--name/refs/refs/pr/1")
        #expect(path == "\(root)/models--owner--name/snapshots/\(commit)")
        #expect(CacheLayout.linkTarget(digest) == "../../blobs/\(digest.hexadecimal)")
        #expect(CacheLayout.modelName(ofSnapshot: path) == "name")
        #expect(CacheLayout.modelName(ofSnapshot: path + "/") == "name")
        #expect(CacheLayout.modelName(ofSnapshot: "/a/b/\(commit)") == nil)
        #expect(CacheLayout.modelName(ofSnapshot: "/models--a--b/snapshots/x") == nil)
    }

    @Test("nothing, a reference without a snapshot, and a reference that is none")
    func absence() throws {
        #expect(found == .absent)
        try snapshot("config.json")
        try write("refs/main", "../../../etc")
        #expect(found == .absent)
        #expect(CachedModel.find(try HubReference(parsing: "owner/other"), cache: folder.path) == .absent)
    }

    @Test("complete only when each decisive file is there or known not to exist")
    func decisive() throws {
        try snapshot("config.json", "model.safetensors", "tokenizer.json")
        #expect(
            found
                == .unverified(
                    path: path,
                    unknown: ["dms_metadata.json", "generation_config.json", "model.safetensors.index.json"]))
        try absent("model.safetensors.index.json", "generation_config.json")
        #expect(found == .unverified(path: path, unknown: ["dms_metadata.json"]))
        try snapshot("dms_metadata.json")
        #expect(found == .complete(path: path))
        // By its commit, whatever main means.
        try write("refs/main", String(repeating: "1b", count: 20))
        #expect(
            CachedModel.find(try HubReference(parsing: "owner/name@\(commit)"), cache: folder.path)
                == .complete(path: path))
    }

    @Test("a list of the commit's files, which newer tools keep, knows it, too")
    func tree() throws {
        try snapshot("config.json", "model.safetensors", "tokenizer.json")
        try write(
            "trees/\(commit).json", #"{"files": {"config.json": {}, "tokenizer.json": {}, "model.safetensors": {}}}"#)
        #expect(found == .complete(path: path))
        try write("trees/\(commit).json", #"{"files": {"config.json": {}, "dms_metadata.json": {}}}"#)
        #expect(found == .incomplete(path: path, missing: ["dms_metadata.json"]))
    }

    @Test("missing weights are named, and links to nothing are missing")
    func missing() throws {
        try snapshot("tokenizer.json", "dms_metadata.json", "generation_config.json")
        try absent("model.safetensors.index.json")
        #expect(found == .incomplete(path: path, missing: ["config.json", "model.safetensors"]))
        try snapshot("config.json")
        try FileManager.default.createSymbolicLink(
            atPath: path + "/model.safetensors", withDestinationPath: "../../blobs/nothing")
        #expect(found == .incomplete(path: path, missing: ["model.safetensors"]))
        try write(
            "snapshots/\(commit)/model.safetensors.index.json",
            #"{"weight_map": {"a": "x.safetensors", "b": "y.safetensors"}}"#)
        try snapshot("x.safetensors")
        #expect(found == .incomplete(path: path, missing: ["y.safetensors"]))
        try snapshot("y.safetensors")
        #expect(found == .complete(path: path))
    }
}
