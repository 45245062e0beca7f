import DMSHub
import DMSTestSupport
import Testing

@Suite("The conventions of the hub's tools")
struct HubEnvironmentTests {
    @Test("where the cache is")
    func cache() throws {
        func cache(_ variables: [String: String]) throws -> String { try HubEnvironment(variables).cache }
        #expect(try cache(["HOME": "/h"]) == "/h/.cache/huggingface/hub")
        #expect(try cache(["HOME": "/h", "XDG_CACHE_HOME": "/x"]) == "/x/huggingface/hub")
        #expect(try cache(["HOME": "/h", "XDG_CACHE_HOME": "/x", "HF_HOME": "~/y"]) == "/h/y/hub")
        #expect(try cache(["HF_HOME": "/y", "HUGGINGFACE_HUB_CACHE": "/z"]) == "/z")
        #expect(try cache(["HF_HUB_CACHE": "/w", "HUGGINGFACE_HUB_CACHE": "/z"]) == "/w")
        #expect(try cache(["HOME": "/h", "HF_HUB_CACHE": ""]) == "/h/.cache/huggingface/hub")
        #expect(throws: HubError.self) { try cache([:]) }
    }

    @Test("which hub, and whether there is a network")
    func endpoint() throws {
        let home = ["HOME": "/h"]
        #expect(try HubEnvironment(home).endpoint.text == HubEnvironment.publicEndpoint + "/")
        let mirror = home.merging(["HF_ENDPOINT": "https://mirror.example/hf"]) { $1 }
        #expect(try HubEnvironment(mirror).endpoint.text == "https://mirror.example/hf")
        #expect(try HubEnvironment(mirror, endpoint: "https://other.example").endpoint.host == "other.example")
        #expect(throws: HubError.self) { try HubEnvironment(home.merging(["HF_ENDPOINT": "mirror"]) { $1 }) }
        #expect(try HubEnvironment(home).offlineVariable == nil)
        for value in ["1", "true", "ON", "Yes"] {
            let variables = home.merging(["HF_HUB_OFFLINE": value]) { $1 }
            #expect(try HubEnvironment(variables).offlineVariable == "HF_HUB_OFFLINE")
        }
        #expect(try HubEnvironment(home.merging(["HF_HUB_OFFLINE": "0"]) { $1 }).offlineVariable == nil)
    }

    @Test("which token wins")
    func token() throws {
        let folder = try TemporaryFolder()
        try folder.write("from-home\n", to: "token")
        try folder.write("from-path", to: "path")
        try folder.write(" from-option ", to: "option")
        try folder.write("two words", to: "bad")
        var variables = ["HF_HOME": folder.path]
        func token(_ option: String? = nil) throws -> HubToken? {
            try HubEnvironment(variables, tokenFile: option.map(folder.file)).token()
        }
        func made(_ text: String) throws -> HubToken { try HubToken(text, from: "test") }
        #expect(try token() == made("from-home"))
        variables["HF_TOKEN_PATH"] = folder.file("path")
        #expect(try token() == made("from-path"))
        variables["HUGGING_FACE_HUB_TOKEN"] = "legacy"
        #expect(try token() == made("legacy"))
        variables["HF_TOKEN"] = "stated"
        #expect(try token() == made("stated"))
        #expect(try token("option") == made("from-option"))
        #expect("\(try made("secret"))" == "a token")
        variables["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"
        #expect(try token() == nil)
        #expect(try token("option") == made("from-option"))
        #expect(throws: HubError.self) { try token("bad") }
        #expect(throws: (any Error).self) { try token("absent") }
        variables = ["HF_HOME": folder.file("nowhere")]
        #expect(try token() == nil)
    }

    @Test("a bad token is refused without being repeated", arguments: ["", "a\nb", "a\u{1}", "\u{E9}x"])
    func badToken(text: String) {
        let error = #expect(throws: HubError.self) { try HubToken(text, from: "HF_TOKEN") }
        #expect(error?.description.contains("HF_TOKEN: found something else") == true)
    }
}
