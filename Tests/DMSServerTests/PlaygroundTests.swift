import DMSEngine
import DMSJSON
import Foundation
import HTTPTypes
import Testing

@testable import DMSServer

@Suite("Playground")
struct PlaygroundTests {
    private static let example = PlaygroundExample(title: "</script><b>", prompt: "a <b> & \"c\"", maximumTokens: 3)

    @Test("one page that asks nothing of others, and may do nothing else")
    func page() async throws {
        let configuration = try ServerConfiguration(keys: APIKeys(["k"]), playground: [Self.example])
        try await Serving.withClient(nil, configuration) { client in
            // Without a key: it has a field for one.
            let page = try await client.get("/")
            #expect(page.status == 200)
            #expect(page.headers[.contentType] == "text/html; charset=utf-8")
            for marker in ["/*STYLE*/", "/*SCRIPT*/", "/*EXAMPLES*/", "</script><b>"] {
                #expect(!page.text.contains(marker), "\(marker)")
            }
            // The one address in it is the name of SVG.
            let addresses = page.text.matches(of: /(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]{2,}/).map { String($0.output) }
            #expect(addresses == ["http://www.w3.org"])
            let policy = try #require(HTTPField.Name("content-security-policy").flatMap { page.headers[$0] })
            #expect(policy.hasPrefix("default-src 'none'; script-src 'sha256-"))
            #expect(!policy.contains("unsafe"))
            #expect(try await client.get("/v1/models").status == 401)
        }
    }

    @Test("examples are data")
    func examples() throws {
        let html = PlaygroundPage(examples: [Self.example]).html
        let start = try #require(html.range(of: "id=\"example-data\">")).upperBound
        let end = try #require(html.range(of: "</script>", range: start..<html.endIndex)).lowerBound
        let data = try JSONReader.parse(Array(html[start..<end].utf8))
        #expect(data == .array([.object(Self.example.json)]))
    }

    @Test("no page without being asked for one")
    func off() async throws {
        try await Serving.withClient { client in
            let answer = try await client.get("/")
            #expect(answer.status == 404)
        }
    }
}
