import DMSHub
import Testing

@Suite("Names of models on a hub")
struct HubReferenceTests {
    @Test("owner, name and revision")
    func parses() throws {
        let plain = try HubReference(parsing: "meta-llama/Llama-3.2-1B")
        #expect(plain.owner == "meta-llama")
        #expect(plain.name == "Llama-3.2-1B")
        #expect(plain.revision == "main")
        #expect(plain.description == "meta-llama/Llama-3.2-1B")
        let pinned = try HubReference(parsing: "a/b_c.d@refs/pr/9")
        #expect(pinned.revision == "refs/pr/9")
        #expect(pinned.description == "a/b_c.d@refs/pr/9")
        #expect(try HubReference(parsing: "a/b", revision: "v1.0+x").revision == "v1.0+x")
        let commit = String(repeating: "0f", count: 20)
        #expect(try HubReference(parsing: "a/b@" + commit).isCommit)
        #expect(try !HubReference(parsing: "a/b@" + commit.uppercased()).isCommit)
    }

    @Test(
        "what no hub has is refused, above all what would lead out of the cache",
        arguments: [
            "", "a", "a/", "/b", "a/b/c", "/a/b", "./a", "../a", "a/..", "a/.b", "a/b.", "-a/b", "a/b--c", "a/b..c",
            "a b/c", "a/b@", "a/b@../x", "a/b@x/../y", "a/b@/x", "a/b@x//y", "a/b@.x", "a/b@-x", "a/b@x y", "a/b@x@y",
            "a/\u{E9}", "a/b@x.lock", "~/x/y", "a/b\0",
        ])
    func refuses(text: String) {
        #expect(throws: HubError.self) { try HubReference(parsing: text) }
    }

    @Test("two revisions are one too many")
    func twoRevisions() {
        #expect(throws: HubError.self) { try HubReference(parsing: "a/b@x", revision: "y") }
    }
}
