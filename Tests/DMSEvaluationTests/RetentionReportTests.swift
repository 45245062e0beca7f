import DMSCache
import DMSCheckpoint
import DMSEngine
import DMSModel
import DMSPicture
import DMSPolicy
import DMSTensor
import DMSTestSupport
import DMSTokenizer
import Foundation
import Testing

@testable import DMSEvaluation

@Suite("Reports of what is kept")
struct RetentionReportTests {
    static func report(
        tokens count: Int, pieces: (Int) -> String = { " t\($0)" }, window: Int = 9, marked: [Range<Int>] = []
    ) throws -> RetentionReport {
        let model = try tinyGatedModel(window: window)
        let tokens = randomTokens(count, vocabulary: 97, seed: 3)
        let trace = try RetentionTrace(model, name: "m", tokens: tokens, kvType: .float32)
        return RetentionReport(
            ReportSubject(name: "m <&>", facts: [.init(name: "a", value: "\"b\"")]),
            text: RetentionReport.Text(
                name: "<b>text</b>", pieces: (0..<count).map(pieces), wholeTokenCount: count + 1, marked: marked),
            trace: trace)
    }

    static let always = ["summary", "words", "tokens", "layers", "memory"]

    /// Spans of tokens, with their classes and masks.
    static func spans(_ reader: XMLReader) -> [[String: String]] {
        reader.elements("span").map(\.attributes).filter { $0["data-i"] != nil }
    }

    @Test("hostile texts stay texts, and bring nothing from elsewhere")
    func hostile() throws {
        let pieces = [
            "</span><script>alert(1)</script>", "\" onclick=\"alert(1)", "<!--", "]]>", "\u{202E}evil", "\u{0}", "\n",
            "<img src=https://example.invalid/x>", "", "'",
        ]
        let html = try Self.report(tokens: 60, pieces: { pieces[$0 % pieces.count] }, marked: [2..<4]).html()
        let reader = try #require(XMLReader.read(html))
        #expect(reader.elements("section").map { $0.attributes["id"] } == Self.always)
        #expect(reader.elements("script").count == 1)
        #expect(reader.elements("style").count == 1)
        #expect(reader.elements.allSatisfy { $0.name != "img" && $0.name != "link" && $0.name != "iframe" })
        for element in reader.elements {
            for (key, value) in element.attributes {
                #expect(!key.hasPrefix("on") && key != "src" && key != "style" && key != "xlink:href")
                if key == "href" { #expect(value.hasPrefix("#")) }
            }
        }
        let spans = Self.spans(reader)
        #expect(spans.count == 60)
        #expect(spans.count { $0["class"]?.hasSuffix(" m") == true } == 2)
        #expect(reader.text.contains("m <&>: what it remembers"))
    }

    @Test("the policy names this script and this style by their digests, and allows nothing else")
    func policy() throws {
        let html = try Self.report(tokens: 20).html()
        func content(_ name: String) throws -> String {
            let start = try #require(html.range(of: "<\(name)>"))
            let end = try #require(html.range(of: "</\(name)>"))
            return String(html[start.upperBound..<end.lowerBound])
        }
        let reader = try #require(XMLReader.read(html))
        let meta = try #require(reader.elements("meta").first { $0.attributes["http-equiv"] != nil })
        let parts = try ["style", "script"].map { name in
            "\(name)-src 'sha256-\(Data(SHA256.digest(of: try content(name))).base64EncodedString())'"
        }
        #expect(meta.attributes["content"] == (["default-src 'none'"] + parts).joined(separator: "; "))
    }

    @Test("masks, shades and words of the text are what the trace says")
    func text() throws {
        let report = try Self.report(tokens: 75)
        let trace = report.trace
        let spans = Self.spans(try #require(XMLReader.read(report.html())))
        for (token, span) in spans.enumerated() {
            #expect(span["data-i"] == "\(token)")
            func bits(_ mask: String?) -> [Bool] {
                (0..<trace.streamCount).map { stream in
                    let digit = mask.map { Array($0)[stream / 4] }.flatMap { $0.hexDigitValue } ?? 0
                    return digit >> (stream % 4) & 1 == 1
                }
            }
            let fates = (0..<trace.streamCount).map {
                trace.fate(of: token, layer: $0 / trace.headCount, head: $0 % trace.headCount)
            }
            #expect(bits(span["data-h"]) == fates.map { $0 != .gone })
            #expect(bits(span["data-w"]) == fates.map { $0 == .leaving })
            #expect(span["class"] == "t\(Palette.level(trace.shares[token]))")
            let count = fates.count { $0 != .gone }
            let title = try #require(span["title"])
            #expect(title.hasPrefix("token \(token), stored by "))
            #expect(title.contains(count == 0 ? "no head" : count == fates.count ? "all \(count)" : "\(count) of"))
        }
    }

    @Test("a map whose columns are several tokens has their mean, and all of them")
    func binning() throws {
        let report = try Self.report(tokens: 75)
        let trace = report.trace
        let map = report.map(range: 0..<75, columns: 20, width: 800, words: false)
        #expect(map.tokensPerColumn == 4)
        for (layer, group) in map.groups.enumerated() {
            for (head, row) in group.enumerated() {
                #expect(row.cells.count == 19)
                for (column, cell) in row.cells.enumerated() {
                    let tokens = column * 4..<min(75, column * 4 + 4)
                    let fates = tokens.map { trace.fate(of: $0, layer: layer, head: head) }
                    let stored = Double(fates.count { $0 != .gone }) / Double(tokens.count)
                    let leaving = 2 * fates.count { $0 == .leaving } > tokens.count
                    #expect(cell == (leaving ? .leaving : .share(stored)))
                }
            }
        }
        let exact = report.map(range: 0..<75, columns: 400, width: 800, words: false)
        #expect(exact.tokensPerColumn == 1)
    }

    @Test("numbers of the summary are the cache's, each ratio with what it is a ratio of")
    func summary() throws {
        let report = try Self.report(tokens: 75)
        let cache = report.trace.report
        let body = report.summarySection.body
        let ratios = cache.ratios
        for text in [
            Figures.ratio(ratios.byteRatio), Figures.ratio(ratios.finalLiveRatio), Figures.ratio(ratios.meanLiveRatio),
            Figures.ratio(ratios.decisionRatio), Figures.bytes(cache.denseBytes), Figures.bytes(cache.allocatedBytes),
            "the first of 76",
        ] {
            #expect(body.contains(text), "\(text)")
        }
    }

    @Test("sections that were not asked for are not there; those that were are")
    func sections() throws {
        var report = try Self.report(tokens: 75)
        #expect(report.sections.map(\.id) == Self.always)
        report.training = .init(
            [
                LineChart(
                    title: "loss", x: .init("steps", .linear), y: .fromZero,
                    series: [.averaging("loss", [3, 2, 1], to: 10, style: 0)])
            ], source: "steps.jsonl")
        #expect(report.sections.map(\.id) == Self.always + ["training"])
        let names = report.parts.map(\.name)
        #expect(
            names == [
                "text.svg", "map.svg", "map-words.svg", "heads.svg", "memory.svg", "ratios.svg", "training-loss.svg",
            ])
        for part in report.parts { #expect(XMLReader.read(part.svg) != nil, "\(part.name)") }
    }

    @Test("a long text is bounded, and that is said")
    func bounded() throws {
        let count = RetentionReport.writtenTokens + 1000
        // No model of the tests is that long: what was seen before goes on.
        let model = try TinyModel.make(
            TinyModel.configuration(vocabulary: 97, maximumPositions: 8192), dms: try tinyGatedModel(window: 9).dms,
            seed: 1)
        let trace = try RetentionTrace(
            model, name: "m", tokens: randomTokens(count, vocabulary: 97, seed: 5), kvType: .float32)
        let report = RetentionReport(
            ReportSubject(name: "m", facts: []),
            text: .init(
                name: "t", pieces: (0..<count).map { " t\($0)" }, wholeTokenCount: count, marked: []), trace: trace)
        let html = report.html()
        let spans = Self.spans(try #require(XMLReader.read(html)))
        #expect(spans.count == RetentionReport.writtenTokens)
        #expect(spans.last?["data-i"] == "\(count - 1)")
        #expect(html.contains("1\u{202F}000 tokens are left out here"))
        #expect(html.contains("here the mean of 18 of them"))
        #expect(html.contains("The first 2\u{202F}048 tokens."))
        #expect(html.utf8.count < 4 << 20)
    }

    /// In the sources.
    static let shippedModel = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "../../Sources/dms/recall-8x"
    ).standardizedFileURL.path

    @Test("the shipped model's survivors are the oracle's, on the page as in the trace")
    func shipped() throws {
        let loaded = try LoadedModel(path: Self.shippedModel, precision: .fp32, kernels: try CPUKernels(threads: 2))
        let encode = { (text: String) in loaded.tokenizer.encode(text) }
        let sample = try RecallSource(seed: 1).sample(length: 500, depth: 0.2, number: 0, encode: encode)
        let tokens = Array(sample.tokens.dropLast())
        let trace = try RetentionTrace(loaded.model, name: "m", tokens: tokens, kvType: .float32)
        let oracles = try RetentionTraceTests.oracles(loaded.model, tokens)
        RetentionTraceTests.expectAgreement(trace, oracles)
        let report = RetentionReport(
            ReportSubject(loaded, name: "recall-8x"),
            text: .init(
                name: "t", tokens: tokens, wholeTokenCount: tokens.count, marked: sample.answerPlaces,
                tokenizer: loaded.tokenizer), trace: trace)
        let reader = try #require(XMLReader.read(report.html()))
        let spans = Self.spans(reader)
        for (token, span) in spans.enumerated() {
            let mask = Array(try #require(span["data-h"]))
            for stream in 0..<trace.streamCount {
                let oracle = oracles[stream / trace.headCount][stream % trace.headCount]
                let digit = mask[stream / 4].hexDigitValue ?? 0
                #expect((digit >> (stream % 4) & 1 == 1) == oracle.isVisible(key: token, query: tokens.count - 1))
            }
        }
        #expect(spans.count == 499)
        #expect(report.text.pieces.joined() == (try loaded.tokenizer.decode(tokens)))
        for fact in ["target ratio", "8 (decisions)", "32 tokens", "fastdms"] { #expect(reader.text.contains(fact)) }
    }
}
