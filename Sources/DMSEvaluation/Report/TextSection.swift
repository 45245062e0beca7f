import DMSPicture
import DMSPolicy

extension RetentionReport {
    /// Tokens of a text that are written out; of a longer one its beginning and its end.
    static let writtenTokens = 6000

    /// The tokens that are written out.
    var writtenRanges: [Range<Int>] {
        let count = trace.tokenCount
        guard count > Self.writtenTokens else { return [0..<count] }
        return [0..<Self.writtenTokens / 2, count - Self.writtenTokens / 2..<count]
    }

    /// The text itself, each token the stronger, the more heads keep it.
    var textSection: ReportSection {
        let shares = trace.shares
        var body = ReportElement.paragraph(
            "A token is the further from the ground, the more of the \(trace.streamCount) KV heads (\(trace.layerCount) "
                + "layers of \(trace.headCount)) still store it after the whole text\(windowNote). Point at a token, tap "
                + "it, or move with the arrow keys.")
        body += Self.scale
        body += """
            <div id="info" class="info" hidden="hidden"><div><output id="word"></output><p id="where"></p></div>
            <div id="heads" class="heads"></div></div>
            <div id="text" class="text\(trace.tokenCount > 2000 ? " long" : "")" tabindex="0" role="group" aria-label="The text, token by token" \
            data-layers="\(trace.layerCount)" data-heads="\(trace.headCount)">
            """
        let ranges = writtenRanges
        for (index, range) in ranges.enumerated() {
            if index > 0 {
                let left = range.lowerBound - ranges[index - 1].upperBound
                body += "<p class=\"gap\">\(ReportSubject.grouped(left)) tokens are left out here</p>"
            }
            for token in range { body += element(token, share: shares[token]) }
        }
        body += "</div>\n"
        let panel = KeptText.Panel(title: "", shares: ranges.flatMap { shares[$0] })
        let picture = KeptText(
            title: "What is left of \(trace.tokenCount) tokens", pieces: ranges.flatMap { text.pieces[$0] },
            marked: ranges.count == 1 ? text.marked : [], panels: [panel], caption: "")
        return ReportSection(
            id: "words", title: "Which words survive", body: body,
            pictures: [
                .init(
                    name: "text", picture: picture.picture,
                    caption: "Further from the ground: more of the \(trace.streamCount) KV heads store the token.\n"
                        + "\(subject.name), \(text.name)")
            ])
    }

    private var windowNote: String {
        guard let rule = trace.rule else { return "" }
        return "; the newest \(rule.newest(of: trace.tokenCount).count) are stored by all, whatever is decided"
    }

    /// What the shades mean.
    private static var scale: String {
        let steps = (0..<Palette.levels).map { "<i class=\"t\($0)\"></i>" }.joined()
        return """
            <p class="scale"><span>no head</span><span class="steps">\(steps)</span><span>all heads</span></p>

            """
    }

    private func element(_ token: Int, share: Double) -> String {
        let isMarked = text.marked.contains { $0.contains(token) }
        let piece = text.pieces[token]
        // A token that is part of a character, or nothing at all, still has a place.
        let shown = piece.isEmpty ? "\u{00B7}" : Markup.visible(piece)
        var out = "<span class=\"t\(Palette.level(share))\(isMarked ? " m" : "")\" data-i=\"\(token)\" "
        out += "data-h=\"\(mask(token) { $0 != .gone })\""
        let leaving = mask(token) { $0 == .leaving }
        if leaving.contains(where: { $0 != "0" }) { out += " data-w=\"\(leaving)\"" }
        out += " title=\"\(Markup.escaped("token \(token), \(storedBy(token))"))\">\(Markup.escaped(shown))</span>"
        return piece.contains("\n") ? out + "<br/>" : out
    }

    /// Heads as hexadecimal digits of four each, layer by layer, the first head in the lowest bit of the first digit.
    private func mask(_ token: Int, _ isIn: (RetentionTrace.Fate) -> Bool) -> String {
        var digits = [Int](repeating: 0, count: (trace.streamCount + 3) / 4)
        for stream in 0..<trace.streamCount {
            let fate = trace.fate(of: token, layer: stream / trace.headCount, head: stream % trace.headCount)
            if isIn(fate) { digits[stream / 4] |= 1 << (stream % 4) }
        }
        return digits.map { String($0, radix: 16) }.joined()
    }

    /// The layers and heads that store a token, in words.
    func storedBy(_ token: Int) -> String {
        var parts: [String] = []
        var count = 0
        for layer in 0..<trace.layerCount {
            let heads = (0..<trace.headCount).filter { trace.fate(of: token, layer: layer, head: $0) != .gone }
            count += heads.count
            if heads.isEmpty { continue }
            let list = heads.count == trace.headCount ? "all" : heads.map(String.init).joined(separator: " ")
            parts.append("layer \(layer): \(list)")
        }
        if count == 0 { return "stored by no head" }
        if count == trace.streamCount { return "stored by all \(count) heads" }
        return "stored by \(count) of \(trace.streamCount) heads: " + parts.joined(separator: ", ")
    }
}
