import DMSTestSupport
import Foundation
import Testing

@Suite("Models of a hub, without a network")
struct HubCommandTests {
    private static let commit = String(repeating: "0a", count: 20)
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func dms(_ arguments: String..., variables: [String: String] = [:]) throws -> Command.Result {
        // Nobody listens on the discard port: what asks fails, and says so.
        let variables = ["HF_HOME": folder.path, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": ""]
            .merging(variables) { $1 }
        return try Command.run(arguments, input: [], environment: variables)
    }

    /// Puts a tiny model into the cache as the hub's tools would.
    private func cacheModel(knowsAbsences: Bool) throws {
        let model = try TinyFolder()
        let files = FileManager.default
        let root = folder.path + "/hub/models--owner--name"
        let snapshot = "\(root)/snapshots/\(Self.commit)"
        for path in [root + "/blobs", snapshot, root + "/refs", "\(root)/.no_exist/\(Self.commit)"] {
            try files.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        for (number, name) in try files.contentsOfDirectory(atPath: model.path).enumerated() {
            try files.copyItem(atPath: "\(model.path)/\(name)", toPath: "\(root)/blobs/\(number)")
            try files.createSymbolicLink(
                atPath: "\(snapshot)/\(name)", withDestinationPath: "../../blobs/\(number)")
        }
        try Data(Self.commit.utf8).write(to: URL(fileURLWithPath: root + "/refs/main"))
        guard knowsAbsences else { return }
        for name in ["dms_metadata.json", "generation_config.json", "model.safetensors.index.json"] {
            try Data().write(to: URL(fileURLWithPath: "\(root)/.no_exist/\(Self.commit)/\(name)"))
        }
    }

    @Test("what is nowhere is an error without a network, which no verb asks for then")
    func nothing() throws {
        for verb in [["generate", "hi"], ["inspect"], ["tokenize"], ["serve"], ["bench"], ["chat"]] {
            let arguments = verb + ["--model", "owner/name", "--offline"]
            let result = try Command.run(arguments, input: [], environment: ["HF_HOME": folder.path])
            #expect(result.status == 1)
            #expect(result.output.isEmpty)
            #expect(result.error.hasPrefix("dms: error: owner/name: found no such folder"))
            #expect(result.error.contains("'dms pull owner/name'"))
        }
        let variable = try dms("inspect", "--model", "owner/name", variables: ["HF_HUB_OFFLINE": "1"])
        #expect(variable.status == 1 && variable.error.contains("with HF_HUB_OFFLINE"))
        let pull = try dms("pull", "owner/name", variables: ["HF_HUB_OFFLINE": "1"])
        #expect(pull.status == 1 && pull.error.contains("HF_HUB_OFFLINE"))
    }

    @Test("a snapshot that is known to be complete is used without asking")
    func cached() throws {
        try cacheModel(knowsAbsences: true)
        for model in ["owner/name", "owner/name@" + Self.commit] {
            let result = try dms("inspect", "--model", model)
            #expect(result.status == 0)
            #expect(result.error.isEmpty)
        }
        let ids = try dms("tokenize", "--model", "owner/name", "--offline", "--json")
        #expect(ids.status == 0)
    }

    @Test("one of which that is not known is used with a word offline, and asked about otherwise")
    func unverified() throws {
        try cacheModel(knowsAbsences: false)
        let offline = try dms("inspect", "--model", "owner/name", "--offline")
        #expect(offline.status == 0)
        #expect(offline.error.contains("dms_metadata.json"))
        let asks = try dms("inspect", "--model", "owner/name")
        #expect(asks.status == 1)
        #expect(asks.error.contains("http://127.0.0.1:9/api/models/owner/name/revision/main"))
    }

    @Test("a folder of that name wins")
    func folderWins() throws {
        let model = try TinyFolder()
        let parts = model.path.split(separator: "/")
        let name = parts.suffix(2).joined(separator: "/")
        let parent = "/" + parts.dropLast(2).joined(separator: "/")
        let result = try Command.run(
            ["inspect", "--model", name], input: [],
            environment: ["HF_HOME": folder.path, "HF_ENDPOINT": "http://127.0.0.1:9"], directory: parent)
        #expect(result.status == 0)
        #expect(result.error.isEmpty)
    }
}
