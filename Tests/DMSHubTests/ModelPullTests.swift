import DMSTestSupport
import Foundation
import Testing

@testable import DMSHub

@Suite("Fetching from a hub that behaves")
struct ModelPullTests {
    @Test("the cache is laid out as the hub's tools lay it out, and found without a network")
    func cache() async throws {
        let fixture = try PullFixture()
        defer { fixture.hub.stop() }
        let reference = try HubReference(parsing: "owner/name")
        let cache = fixture.folder.file("hub")
        #expect(CachedModel.find(reference, cache: cache) == .absent)
        let result = try await fixture.pull()
        let layout = try fixture.layout
        #expect(result.path == layout.snapshot(fixture.hub.commit))
        #expect(fixture.isComplete(result.path))
        #expect(result.receivedBytes == result.plan.totalBytes)
        #expect(fixture.contents(layout.reference("main")) == Array(fixture.hub.commit.utf8))
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: result.path + "/model.safetensors")
        let digest = StubHub.digest("model.safetensors", PullFixture.weights)
        #expect(target == "../../blobs/\(digest.hexadecimal)")
        let blobs = try FileManager.default.contentsOfDirectory(atPath: layout.blobs)
        #expect(blobs.count == 4)
        #expect(!blobs.contains { $0.contains("incomplete") })
        #expect(fixture.contents(layout.absence(of: "generation_config.json", in: fixture.hub.commit)) == [])
        #expect(CachedModel.find(reference, cache: cache) == .complete(path: result.path))
        // No token was there to be sent, and only what a checkpoint needs was asked for.
        #expect(fixture.hub.requests.allSatisfy { $0.headers["authorization"] == nil })
        #expect(!fixture.hub.requests.contains { $0.path.hasSuffix(".bin") || $0.path.hasSuffix(".md") })

        let again = try await fixture.pull()
        #expect(again.receivedBytes == 0)
        #expect(again.path == result.path)
    }

    @Test("a new commit fetches what changed; the old snapshot stays")
    func refresh() async throws {
        let fixture = try PullFixture()
        let first = try await fixture.pull()
        fixture.hub.stop()
        var files = PullFixture.files
        files["config.json"] = Array(#"{"model_type": "llama", "new": 1}"#.utf8)
        let newer = try StubHub(files, commit: String(repeating: "c3", count: 20))
        defer { newer.stop() }
        let second = try await fixture.pull(variables: ["HF_ENDPOINT": newer.url])
        #expect(second.receivedBytes == files["config.json"]?.count)
        #expect(second.path != first.path)
        #expect(fixture.isComplete(first.path))
        let reference = try HubReference(parsing: "owner/name")
        let cache = fixture.folder.file("hub")
        #expect(CachedModel.find(reference, cache: cache) == .complete(path: second.path))
        let pinned = try HubReference(parsing: "owner/name@" + fixture.hub.commit)
        #expect(CachedModel.find(pinned, cache: cache) == .complete(path: first.path))
    }

    @Test("weights in several files: those that the index names")
    func shards() async throws {
        let index = #"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#
        let fixture = try PullFixture(files: [
            "config.json": Array("{}".utf8), "model.safetensors.index.json": Array(index.utf8),
            "model-1.safetensors": [1], "model-2.safetensors": [2, 2], "model-3.safetensors": [3],
            "model.safetensors": [4],
        ])
        defer { fixture.hub.stop() }
        let result = try await fixture.pull()
        #expect(
            result.plan.files.map(\.name) == [
                "config.json", "model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json",
            ])
        #expect(fixture.contents(result.path + "/model-2.safetensors") == [2, 2])
        #expect(!fixture.hub.requests.contains { $0.path.hasSuffix("/model.safetensors") })
    }

    @Test("revisions are asked for by name, files by commit")
    func revision() async throws {
        let fixture = try PullFixture()
        defer { fixture.hub.stop() }
        _ = try await fixture.pull("owner/name@refs/pr/9")
        #expect(fixture.hub.requests[0].path == "/api/models/owner/name/revision/refs%2Fpr%2F9?blobs=true")
        #expect(
            fixture.hub.requests.dropFirst().allSatisfy {
                $0.path.hasPrefix("/owner/name/resolve/\(fixture.hub.commit)/")
            })
        #expect(fixture.contents(try fixture.layout.reference("refs/pr/9")) == Array(fixture.hub.commit.utf8))
        // The hub must not answer with another commit than the one that was named.
        let other = String(repeating: "0", count: 40)
        #expect(await fixture.failure("owner/name@" + other)?.kind == .listing)
    }

    @Test("a plain folder has files and nothing else, and none of somebody else's is overwritten")
    func output() async throws {
        let fixture = try PullFixture()
        defer { fixture.hub.stop() }
        let output = fixture.folder.file("out/model")
        let result = try await fixture.pull(output: output)
        #expect(result.path == output)
        #expect(fixture.isComplete(output))
        let attributes = try FileManager.default.attributesOfItem(atPath: output + "/model.safetensors")
        #expect(attributes[.type] as? FileAttributeType == .typeRegular)
        #expect(try await fixture.pull(output: output).receivedBytes == 0)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: output + "/config.json"))
        let error = await fixture.failure(output: output)
        #expect(error?.place == output + "/config.json")
        #expect(fixture.contents(output + "/config.json") == Array("mine".utf8))
    }

    @Test("two at once fetch one copy of each file")
    func twoAtOnce() async throws {
        let fixture = try PullFixture()
        defer { fixture.hub.stop() }
        async let first = fixture.pull()
        async let second = fixture.pull()
        let results = try await [first, second]
        #expect(results.allSatisfy { fixture.isComplete($0.path) })
        #expect(results.reduce(0) { $0 + $1.receivedBytes } == results[0].plan.totalBytes)
        #expect(fixture.weightRequests.count == 1)
    }

    @Test("whoever may not use the network says so")
    func offline() async throws {
        let fixture = try PullFixture()
        defer { fixture.hub.stop() }
        #expect(await fixture.failure(variables: ["HF_HUB_OFFLINE": "1"])?.kind == .offline)
        #expect(fixture.hub.requests.isEmpty)
    }
}
