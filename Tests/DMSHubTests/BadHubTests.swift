import DMSTestSupport
import Foundation
import Testing

@testable import DMSHub

@Suite("Fetching from a hub that misbehaves")
struct BadHubTests {
    private static let weights = PullFixture.weights

    /// Answers requests for the weights.
    private static func weights(_ answer: @escaping @Sendable (StubHub.Request) -> StubHub.Answer?) -> StubHub.Handler {
        { $0.path.hasSuffix("/model.safetensors") ? answer($0) : nil }
    }

    @Test("what an earlier run left is gone on with", arguments: [1, 1000, 2_999_999, 3_000_000])
    func resumes(count: Int) async throws {
        let fixture = try PullFixture()
        defer { fixture.hub.stop() }
        try fixture.leavePartial(Self.weights.prefix(count))
        let result = try await fixture.pull()
        #expect(fixture.isComplete(result.path))
        #expect(fixture.events.plan?.presentBytes == count)
        #expect(result.receivedBytes == result.plan.totalBytes - count)
        #expect(fixture.weightRequests.map(\.offset) == (count == 3_000_000 ? [] : [count]))
    }

    @Test(
        "what an earlier run left and has been damaged since is fetched anew", arguments: [1000, 3_000_000, 3_000_001])
    func damagedPartial(count: Int) async throws {
        let fixture = try PullFixture()
        defer { fixture.hub.stop() }
        try fixture.leavePartial([UInt8](repeating: 7, count: count))
        #expect(fixture.isComplete(try await fixture.pull().path))
    }

    @Test("a connection that breaks is taken up where it broke, as often as it brings something")
    func truncates() async throws {
        let events = EventLog()
        let fixture = try PullFixture(
            events: events,
            handler: Self.weights { request in
                let offset = request.offset ?? 0
                let rest = Array(PullFixture.weights[offset...])
                return StubHub.Answer(
                    status: offset == 0 ? 200 : 206,
                    headers: [("ETag", "\"x\""), ("Content-Range", "bytes \(offset)-2999999/3000000")].suffix(
                        offset == 0 ? 1 : 2),
                    body: rest, closesAfter: request.number < 3 ? 1_450_000 : nil,
                    hasArrived: {
                        request.number >= 3
                            || events.received("model.safetensors") - offset > FileDownload.progressBytes
                    })
            })
        defer { fixture.hub.stop() }
        // One failure is forgiven, so two of them show that progress begins the count anew.
        var retries = PullFixture.quick
        retries.failures = 2
        #expect(fixture.isComplete(try await fixture.pull(retries: retries).path))
        let offsets = fixture.weightRequests.map { $0.offset ?? 0 }
        #expect(offsets.count == 3)
        #expect(offsets == offsets.sorted())
        #expect(offsets[1] > 0)
    }

    @Test("the same bytes again and again are no progress")
    func neverFurther() async throws {
        let fixture = try PullFixture(
            handler: Self.weights { _ in StubHub.Answer(body: PullFixture.weights, closesAfter: 1_500_000) })
        defer { fixture.hub.stop() }
        #expect(await fixture.failure()?.kind == .connection)
        #expect(fixture.weightRequests.count == PullFixture.quick.failures)
    }

    @Test("silence ends a request, and what came before it is kept")
    func stalls() async throws {
        let fixture = try PullFixture(
            handler: Self.weights { request in
                request.number > 1 ? nil : StubHub.Answer(body: PullFixture.weights, stallsAfter: 500_000)
            })
        defer { fixture.hub.stop() }
        #expect(fixture.isComplete(try await fixture.pull(silence: .seconds(3)).path))
        #expect(fixture.weightRequests.count >= 2)
        // A busy machine may have read less of it when the time was over.
        #expect((1...500_000).contains(fixture.weightRequests[1].offset ?? 0))
    }

    @Test("a server that says nothing ever is given up, and what came is kept for the next run")
    func stallsForEver() async throws {
        let fixture = try PullFixture(
            handler: Self.weights { request in
                let offset = request.offset ?? 0
                return offset > 0
                    ? StubHub.Answer(
                        status: 206, headers: [("Content-Range", "bytes \(offset)-2999999/3000000")],
                        body: Array(PullFixture.weights[offset...]), stallsAfter: 0)
                    : StubHub.Answer(body: PullFixture.weights, stallsAfter: 700_000)
            })
        defer { fixture.hub.stop() }
        let error = await fixture.failure(silence: .seconds(3))
        #expect(error?.kind == .connection)
        #expect(error?.description.contains("silence") == true)
        #expect((1...700_000).contains(try fixture.partialCount ?? 0))
    }

    @Test("a server that ignores ranges begins anew")
    func ignoresRange() async throws {
        let fixture = try PullFixture(handler: Self.weights { _ in StubHub.Answer(body: PullFixture.weights) })
        defer { fixture.hub.stop() }
        try fixture.leavePartial([UInt8](repeating: 7, count: 1000))
        #expect(fixture.isComplete(try await fixture.pull().path))
        #expect(fixture.weightRequests.count == 1)
    }

    @Test("416 begins anew, and a server that says nothing else is given up")
    func rangeNotSatisfiable() async throws {
        let fixture = try PullFixture(
            handler: Self.weights { request in
                request.offset != nil ? StubHub.Answer(status: 416) : nil
            })
        defer { fixture.hub.stop() }
        try fixture.leavePartial(Self.weights.prefix(1000))
        #expect(fixture.isComplete(try await fixture.pull().path))
        let stubborn = try PullFixture(handler: Self.weights { _ in StubHub.Answer(status: 416) })
        defer { stubborn.hub.stop() }
        #expect(await stubborn.failure()?.kind == .size)
    }

    @Test("other bytes than promised are deleted, and the message has both digests")
    func wrongBytes() async throws {
        var other = Self.weights
        other[1234] ^= 1
        let wrong = other
        let fixture = try PullFixture(handler: Self.weights { _ in StubHub.Answer(body: wrong) })
        defer { fixture.hub.stop() }
        let error = await fixture.failure()
        #expect(error?.kind == .digest)
        #expect(error?.found.contains(StubHub.digest("model.safetensors", wrong).hexadecimal) == true)
        #expect(error?.required.contains(StubHub.digest("model.safetensors", Self.weights).hexadecimal) == true)
        #expect(try fixture.partialCount == nil)
        #expect(CachedModel.find(try HubReference(parsing: "owner/name"), cache: fixture.folder.file("hub")) == .absent)
    }

    @Test("other lengths than promised are refused before they are fetched")
    func wrongLength() async throws {
        for length in [2_999_999, 3_000_001] {
            let fixture = try PullFixture(
                handler: Self.weights { _ in
                    StubHub.Answer(body: PullFixture.weights, statedLength: length)
                })
            defer { fixture.hub.stop() }
            let error = await fixture.failure()
            #expect(error?.kind == .size)
            #expect(error?.found == "\(length) bytes")
            #expect(fixture.weightRequests.count == 1)
        }
        let promised = try PullFixture(
            handler: Self.weights { _ in
                StubHub.Answer(headers: [("X-Linked-Size", "5")], body: PullFixture.weights)
            })
        defer { promised.hub.stop() }
        #expect(await promised.failure()?.kind == .size)
        let other = try PullFixture(
            handler: Self.weights { _ in
                StubHub.Answer(headers: [("X-Linked-ETag", "\"5\"")], body: PullFixture.weights)
            })
        defer { other.hub.stop() }
        #expect(await other.failure()?.kind == .digest)
    }

    @Test(
        "statuses say what to do and are not tried again",
        arguments: [
            (401, "RepoNotFound", "HF_TOKEN"), (401, "GatedRepo", "accept its terms"),
            (403, "GatedRepo", "accept its terms"),
            (403, "", "a token that may read"), (404, "RepoNotFound", "the name of a repository"),
            (404, "RevisionNotFound", "a branch, a tag or a commit"), (400, "", "status 200"),
        ])
    func statuses(status: Int, code: String, advice: String) async throws {
        let fixture = try PullFixture { _ in
            StubHub.Answer(status: status, headers: [("X-Error-Code", code), ("X-Error-Message", "Because.")])
        }
        defer { fixture.hub.stop() }
        let error = await fixture.failure()
        #expect(error?.kind == .status(status))
        #expect(error?.found == "status \(status), \"Because.\"")
        #expect(error?.required.contains(advice) == true)
        #expect(error?.place == fixture.hub.url + "/api/models/owner/name/revision/main")
        #expect(fixture.hub.requests.count == 1)
    }

    @Test("too many requests and broken servers are tried again, a few times", arguments: [429, 500, 503])
    func busy(status: Int) async throws {
        let fixture = try PullFixture {
            $0.number > 2 ? nil : StubHub.Answer(status: status, headers: [("Retry-After", "0")])
        }
        defer { fixture.hub.stop() }
        #expect(fixture.isComplete(try await fixture.pull().path))
        let broken = try PullFixture { _ in StubHub.Answer(status: status) }
        defer { broken.hub.stop() }
        #expect(await broken.failure()?.kind == .status(status))
        #expect(broken.hub.requests.count == PullFixture.quick.failures)
        #expect(broken.events.retries == PullFixture.quick.failures - 1)
    }

    @Test("a pause that is too long is told, not waited for")
    func longPause() async throws {
        let fixture = try PullFixture { _ in StubHub.Answer(status: 429, headers: [("Retry-After", "3600")]) }
        defer { fixture.hub.stop() }
        #expect(await fixture.failure()?.required.contains("asks to wait 3600 s") == true)
        #expect(fixture.hub.requests.count == 1)
    }

    @Test("the token goes to the hub, and never where it redirects to")
    func redirects() async throws {
        let storage = try StubHub(["model.safetensors": Self.weights])
        let target = storage.url
        let fixture = try PullFixture(
            handler: Self.weights { _ in
                StubHub.Answer(
                    status: 302, headers: [("Location", target + "/deep/model.safetensors?signature=secret")])
            })
        defer { for hub in [storage, fixture.hub] { hub.stop() } }
        try fixture.leavePartial(Self.weights.prefix(1000))
        let result = try await fixture.pull(variables: ["HF_TOKEN": "hf_secret"])
        #expect(fixture.isComplete(result.path))
        #expect(fixture.hub.requests.allSatisfy { $0.headers["authorization"] == "Bearer hf_secret" })
        #expect(storage.requests.count == 1)
        #expect(storage.requests[0].headers["authorization"] == nil)
        #expect(storage.requests[0].offset == 1000)
    }

    @Test("signatures stay out of messages")
    func signedURL() async throws {
        let storage = try StubHub([:])
        let target = storage.url
        let fixture = try PullFixture(
            handler: Self.weights { _ in
                StubHub.Answer(status: 302, headers: [("Location", target + "/x?signature=secret")])
            })
        defer { for hub in [storage, fixture.hub] { hub.stop() } }
        let error = await fixture.failure()
        #expect(error?.kind == .status(404))
        #expect(error?.description.contains("secret") == false)
    }

    @Test("redirections in a circle, and to where none may lead, end")
    func badRedirects() async throws {
        for location in [
            "/owner/name/model.safetensors", "http://example.com/model.safetensors", "ftp://x/model.safetensors",
        ] {
            let fixture = try PullFixture(
                handler: Self.weights { _ in
                    StubHub.Answer(status: 302, headers: [("Location", location)])
                })
            defer { fixture.hub.stop() }
            #expect(await fixture.failure()?.kind == .redirect)
            #expect(fixture.weightRequests.count <= RedirectPolicy.maximumCount + 1)
        }
    }

    @Test("nobody at the address is said soon")
    func nobody() async throws {
        let fixture = try PullFixture()
        fixture.hub.stop()
        let error = await fixture.failure()
        #expect(error?.kind == .connection)
        #expect(error?.required.contains("HF_ENDPOINT") == true)
    }

    @Test("a listing with hostile names fetches nothing")
    func hostileListing() async throws {
        let fixture = try PullFixture { _ in
            let text = #"{"sha": "\#(String(repeating: "a", count: 40))", "siblings": [{"rfilename": "../../x"}]}"#
            return StubHub.Answer(body: Array(text.utf8))
        }
        defer { fixture.hub.stop() }
        #expect(await fixture.failure()?.kind == .listing)
        #expect(fixture.hub.requests.count == 1)
    }

    @Test("more than fits on the disk is said before anything is fetched")
    func noSpace() async throws {
        let huge =
            #"{"rfilename": "model.safetensors", "size": 1000000000000000, "lfs": {"sha256": "\#(String(repeating: "a", count: 64))", "size": 1000000000000000}}"#
        let small = #"{"rfilename": "config.json", "size": 1, "blobId": "\#(String(repeating: "b", count: 40))"}"#
        let fixture = try PullFixture { _ in
            let text = #"{"sha": "\#(String(repeating: "a", count: 40))", "siblings": [\#(huge), \#(small)]}"#
            return StubHub.Answer(body: Array(text.utf8))
        }
        defer { fixture.hub.stop() }
        let error = await fixture.failure()
        #expect(error?.kind == .disk)
        #expect(error?.found.hasSuffix("bytes free") == true)
        #expect(fixture.hub.requests.count == 1)
    }
}
