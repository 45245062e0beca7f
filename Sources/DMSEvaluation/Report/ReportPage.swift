import DMSCheckpoint
import DMSPicture
import FoundationEssentials

/// The document around the sections: style and script are in it, and it asks for nothing else.
///
/// It is HTML that is well-formed XML, too. Its policy lets a browser run the one script and use the one style that are
/// named by their digests, so that a text cannot bring others, should it ever get out of its element.
struct ReportPage {
    let title: String
    let sections: [ReportSection]

    var html: String {
        let style =
            Palette.pictureStyle + Palette.textStyle + String(decoding: PackageResources.report_css, as: UTF8.self)
        let script = String(decoding: PackageResources.report_js, as: UTF8.self)
        let policy = "default-src 'none'; style-src '\(Self.source(style))'; script-src '\(Self.source(script))'"
        let links = sections.map { "<a href=\"#\($0.id)\">\(Markup.escaped($0.title))</a>" }.joined(separator: "\n")
        let body = sections.map { section in
            """
            <section id="\(section.id)">
            <h2>\(Markup.escaped(section.title))</h2>
            \(section.body)</section>

            """
        }.joined()
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"/>
            <meta http-equiv="Content-Security-Policy" content="\(policy)"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta name="color-scheme" content="light dark"/>
            <title>\(Markup.escaped(title))</title>
            <style>\(style)</style>
            </head>
            <body>
            <header>
            <h1>\(Markup.escaped(title))</h1>
            <nav>
            \(links)
            </nav>
            </header>
            <main>
            \(body)</main>
            <footer>Written by dms inspect. Everything is in this file; it asks for nothing else.</footer>
            <script>\(script)</script>
            </body>
            </html>

            """
    }

    /// How a policy names an element by its content.
    private static func source(_ text: String) -> String {
        "sha256-" + Data(SHA256.digest(of: text)).base64EncodedString()
    }
}

/// Pieces of HTML that several sections have.
enum ReportElement {
    /// Pictures beside each other as far as there is room.
    ///
    /// - Parameter fit: Whether they shrink on a page that is narrower than they are, instead of moving in a box.
    static func figures(_ pictures: [Picture], fit: Bool = false) -> String {
        let boxes = pictures.map { "<div class=\"\(fit ? "fit" : "scroll")\">\($0.element())</div>\n" }
        return "<div class=\"figures\">\n\(boxes.joined())</div>\n"
    }

    /// A table that is shown when it is asked for.
    static func numbers(_ head: [String], _ rows: [[String]]) -> String {
        func cells(_ row: [String], _ tag: String) -> String {
            "<tr>" + row.map { "<\(tag)>\(Markup.escaped($0))</\(tag)>" }.joined() + "</tr>\n"
        }
        return """
            <details><summary>The numbers</summary>
            <div class="scroll"><table>
            <thead>\(cells(head, "th"))</thead>
            <tbody>
            \(rows.map { cells($0, "td") }.joined())</tbody>
            </table></div>
            </details>

            """
    }

    static func paragraph(_ text: String) -> String { "<p>\(Markup.escaped(text))</p>\n" }
}
