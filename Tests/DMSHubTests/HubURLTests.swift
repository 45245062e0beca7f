import Testing

@testable import DMSHub

@Suite("URLs and redirections")
struct HubURLTests {
    @Test("parts, defaults and what messages show")
    func parts() throws {
        let url = try HubURL(parsing: "HTTPS://Hub.Example:443/a%2Fb/c?X-Signature=secret#part")
        #expect(url.text == "https://hub.example/a%2Fb/c?X-Signature=secret")
        #expect(url.description == "https://hub.example/a%2Fb/c")
        #expect(try HubURL(parsing: "https://h?q").target == "/?q")
        #expect(try HubURL(parsing: "http://[::1]:81/x").text == "http://[::1]:81/x")
        #expect(try HubURL(parsing: "https://h/\u{E9}").target == "/%C3%A9")
        #expect(try HubURL(parsing: "https://h").origin == HubURL(parsing: "https://h:443/x").origin)
        #expect(try HubURL(parsing: "https://h").origin != HubURL(parsing: "https://h:444").origin)
    }

    @Test(
        "what is no such URL is refused",
        arguments: [
            "", "h", "h/x", "ftp://h", "file:///etc/passwd", "https://", "https:///x", "https://u:p@h/", "https://h:0",
            "https://h:65536", "https://h:x", "https://h/a b", "https://h/a\nb", "https://h\\x", "http://example.com",
            "http://10.0.0.1", "http://127.0.0.1.example.com", "http://localhost.example.com", "https://\u{E9}/",
        ])
    func refuses(text: String) {
        #expect(throws: HubError.self) { try HubURL(parsing: text) }
    }

    @Test("paths below an endpoint are encoded")
    func appending() throws {
        let url = try HubURL(parsing: "https://h/mirror/").appending(["api", "refs/pr/1", "a b+c"], query: "x=1")
        #expect(url.text == "https://h/mirror/api/refs%2Fpr%2F1/a%20b%2Bc?x=1")
    }

    @Test("redirections: where they may lead")
    func redirects() throws {
        let secure = try HubURL(parsing: "https://hub.example/a/b?c")
        func next(_ url: HubURL, _ location: String?, _ count: Int = 0) throws -> String {
            try RedirectPolicy.next(from: url, location: location, count: count).text
        }
        #expect(try next(secure, "https://cdn.example/x?sig=1") == "https://cdn.example/x?sig=1")
        #expect(try next(secure, "/x/y") == "https://hub.example/x/y")
        #expect(try next(secure, "//cdn.example/x") == "https://cdn.example/x")
        let local = try HubURL(parsing: "http://127.0.0.1:8000/a")
        #expect(try next(local, "http://localhost:9000/b") == "http://localhost:9000/b")
        #expect(try next(local, "https://cdn.example/b") == "https://cdn.example/b")
        for location in [
            "http://cdn.example/x", "http://127.0.0.1/x", "http://localhost/x", "file:///etc/passwd", "x", "",
            "ftp://h/x",
            "https://u@h/",
        ] {
            #expect(throws: HubError.self) { try next(secure, location) }
        }
        #expect(throws: HubError.self) { try next(secure, nil) }
        #expect(throws: HubError.self) { try next(secure, "/x", RedirectPolicy.maximumCount) }
    }
}
