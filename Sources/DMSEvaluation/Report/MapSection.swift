import DMSPicture

extension RetentionReport {
    /// Columns of the map of the whole text, at most.
    static let mapColumns = 400
    /// Tokens that the map with words has, at most.
    static let mapWords = 2048

    /// Tokens across, heads down: once as a whole, once with the text under it.
    var mapSection: ReportSection {
        let whole = map(range: 0..<trace.tokenCount, columns: Self.mapColumns, width: 860, words: false)
        let words = map(range: 0..<min(trace.tokenCount, Self.mapWords), columns: Self.mapWords, width: 0, words: true)
        var body = ReportElement.paragraph(
            "Every row is a KV head of a layer, every column a token"
                + (whole.tokensPerColumn > 1
                    ? ", here the mean of \(whole.tokensPerColumn) of them: the further from the ground, the more are stored"
                    : "") + ". A stripe from top to bottom is a token that all heads keep.")
        body += Self.legend
        body += "<div class=\"scroll\">\(whole.picture.element())</div>\n"
        body += "<h3>With the text under it</h3>\n"
        body += ReportElement.paragraph(
            trace.tokenCount > Self.mapWords
                ? "The first \(ReportSubject.grouped(Self.mapWords)) tokens. Strong: some head keeps the token for good. "
                    + "Scroll sideways."
                : "Strong: some head keeps the token for good. Scroll sideways.")
        let (names, strip) = words.parts
        body += """
            <div class="strip" id="strip">\(names.element(attributes: " class=\"names\""))\
            \(strip.element(attributes: " id=\"map\" data-cell=\"\(Int(words.columnWidth))\""))</div>

            """
        let caption =
            "Rows: layer and KV head. Blue: stored after \(trace.tokenCount) tokens. Orange: evicted, still inside the "
            + "window.\n\(subject.name), \(text.name)"
        return ReportSection(
            id: "tokens", title: "Tokens and heads", body: body,
            pictures: [
                .init(name: "map", picture: whole.picture, caption: caption),
                .init(name: "map-words", picture: words.picture, caption: caption),
            ])
    }

    private static let legend = """
        <p class="legend"><span><i class="t15"></i>kept</span><span><i class="w"></i>evicted, still inside the window</span>\
        <span><i class="t0"></i>gone</span></p>

        """

    /// - Parameters:
    ///   - columns: The most that there may be; more tokens share them.
    ///   - width: What the columns fill, in pixels; 0 for columns as wide as a word is high.
    func map(range: Range<Int>, columns limit: Int, width: Double, words: Bool) -> TokenMap {
        let perColumn = max(1, (range.count + limit - 1) / limit)
        let columns = (range.count + perColumn - 1) / perColumn
        let ranges = (0..<columns).map {
            range.lowerBound + $0 * perColumn..<min(range.upperBound, range.lowerBound + ($0 + 1) * perColumn)
        }
        let groups = (0..<trace.layerCount).map { layer in
            (0..<trace.headCount).map { head in
                let stored = trace.storedTokens[layer][head]
                let share = Figures.percent(Double(stored) / Double(trace.tokenCount))
                return TokenMap.Row(
                    name: "\(layer) · \(head)", cells: ranges.map { cell($0, layer: layer, head: head) },
                    note: "layer \(layer), KV head \(head): \(stored) of \(trace.tokenCount) tokens stored (\(share))")
            }
        }
        let rowHeight = max(4, min(words ? 12 : 16, 320 / Double(trace.streamCount)))
        return TokenMap(
            title: words ? "Which head stores which token, with the text" : "Which head stores which token",
            groups: groups, tokensPerColumn: perColumn, tokenCount: range.count,
            words: words ? range.map(word) : [],
            columnWidth: words ? 14 : max(1, min(14, (width / Double(columns) * 100).rounded(.down) / 100)),
            rowHeight: rowHeight)
    }

    /// The tokens of a column in one head.
    private func cell(_ tokens: Range<Int>, layer: Int, head: Int) -> TokenMap.Cell {
        let fates = tokens.map { trace.fate(of: $0, layer: layer, head: head) }
        let leaving = fates.count { $0 == .leaving }
        if 2 * leaving > fates.count { return .leaving }
        return .share(Double(fates.count { $0 != .gone }) / Double(fates.count))
    }

    private func word(_ token: Int) -> TokenMap.Word {
        let isKept = (0..<trace.streamCount).contains {
            trace.fate(of: token, layer: $0 / trace.headCount, head: $0 % trace.headCount) == .kept
        }
        let piece = Markup.visible(text.pieces[token])
        return TokenMap.Word(String(piece.drop { $0 == " " }), isStrong: isKept)
    }
}
