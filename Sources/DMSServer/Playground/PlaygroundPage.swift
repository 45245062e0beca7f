import DMSCheckpoint
import DMSJSON
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// The page at `/`: one document with style and script in it, which asks nothing of any other server.
struct PlaygroundPage: Sendable {
    let html: String
    /// What a browser lets the page do: run this script, use this style, talk to this server, and nothing else.
    let contentPolicy: String

    init(examples: [PlaygroundExample]) {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        let style = text(PackageResources.page_css)
        let parts = [
            PackageResources.server_js, PackageResources.map_js, PackageResources.conversation_js,
            PackageResources.sessions_js, PackageResources.page_js,
        ]
        let script = "(() => {\n\"use strict\";\n\n" + parts.map(text).joined(separator: "\n") + "})();\n"
        // In a script's element nothing but its end has a meaning, and JSON can be written without one.
        let data = JSONValue.array(examples.map { .object($0.json) }).text()
            .replacingOccurrences(of: "<", with: "\\u003c")
        html = text(PackageResources.page_html)
            .replacingOccurrences(of: "/*STYLE*/", with: style)
            .replacingOccurrences(of: "/*EXAMPLES*/", with: data)
            .replacingOccurrences(of: "/*SCRIPT*/", with: script)
        contentPolicy = [
            "default-src 'none'", "script-src '\(Self.source(script))'", "style-src '\(Self.source(style))'",
            "img-src data:", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ].joined(separator: "; ")
    }

    /// How a policy names an element by its content.
    private static func source(_ text: String) -> String {
        "sha256-" + Data(SHA256.digest(of: text)).base64EncodedString()
    }

    var response: Response {
        var headers: HTTPFields = [.contentType: "text/html; charset=utf-8", .cacheControl: "no-cache"]
        for (name, value) in [
            ("content-security-policy", contentPolicy), ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
    }
}
