public import DMSPicture
public import DMSTokenizer

/// A model and a text as a page for people: what each head keeps, what that takes, and, where it was measured, what
/// forgetting costs.
///
/// ```swift
/// var report = RetentionReport(subject, text: text, trace: trace)
/// report.training = .init(try TrainingCurves(logFile: path).charts(), source: "steps.jsonl")
/// try AtomicFile.write(Array(report.html().utf8), to: "report.html")
/// ```
public struct RetentionReport: Sendable {
    /// The text that was read.
    public struct Text: Sendable {
        /// Where it comes from, as people call it.
        public let name: String
        /// The text of each token; together they are the text.
        public let pieces: [String]
        /// Tokens of the whole text, of which the beginning was read.
        public let wholeTokenCount: Int
        /// Tokens to point out.
        public let marked: [Range<Int>]

        /// - Parameter tokens: Those that were read.
        public init(
            name: String, tokens: [Int32], wholeTokenCount: Int, marked: [Range<Int>] = [], tokenizer: Tokenizer
        ) {
            var detokenizer = StreamingDetokenizer(tokenizer, skipSpecialTokens: false)
            var pieces = tokens.map { detokenizer.append($0) }
            // A token may be part of a character, which the token that ends it then shows.
            if let last = pieces.indices.last { pieces[last] += detokenizer.finish() }
            self.init(name: name, pieces: pieces, wholeTokenCount: wholeTokenCount, marked: marked)
        }

        init(name: String, pieces: [String], wholeTokenCount: Int, marked: [Range<Int>]) {
            self.name = name
            self.pieces = pieces
            self.wholeTokenCount = wholeTokenCount
            self.marked = marked
        }
    }

    /// A needle task and what it found.
    public struct Recall: Sendable {
        /// What was asked, and how.
        public let evaluation: NeedleEvaluation
        /// What was found, by length and depth.
        public let cells: [NeedleCells]

        public init(_ evaluation: NeedleEvaluation, _ cells: [NeedleCells]) {
            self.evaluation = evaluation
            self.cells = cells
        }
    }

    /// The curves of a training run, and where they were read.
    public struct Training: Sendable {
        public let charts: [LineChart]
        public let source: String

        public init(_ charts: [LineChart], source: String) {
            self.charts = charts
            self.source = source
        }
    }

    /// The model the report is about.
    public let subject: ReportSubject
    /// The text that it read.
    public let text: Text
    /// What its heads kept of that.
    public let trace: RetentionTrace
    /// What was measured besides; sections of what was not are left out.
    public var sweep: ControlSweep?
    /// What it finds again, if that was measured.
    public var recall: Recall?
    /// How it was trained, if a log tells.
    public var training: Training?

    /// A report without measurements; they are added where there are any.
    public init(_ subject: ReportSubject, text: Text, trace: RetentionTrace) {
        precondition(text.pieces.count == trace.tokenCount, "a trace of another text")
        self.subject = subject
        self.text = text
        self.trace = trace
    }

    /// The sections that there are, in the order of the page.
    var sections: [ReportSection] {
        [
            summarySection, textSection, mapSection, headSection, memorySection, sweepSection, recallSection,
            trainingSection,
        ].compactMap { $0 }
    }

    /// The whole page: one file that asks for nothing else.
    public func html() -> String {
        ReportPage(title: "\(subject.name): what it remembers", sections: sections).html
    }

    /// Every picture as an SVG file of its own.
    public var parts: [(name: String, svg: String)] {
        sections.flatMap(\.pictures).map { ("\($0.name).svg", $0.picture.file(caption: $0.caption)) }
    }
}

/// A part of the page with the pictures in it.
struct ReportSection {
    /// A picture as a file of its own.
    struct Part {
        let name: String
        let picture: Picture
        let caption: String
    }

    /// The anchor.
    let id: String
    let title: String
    /// HTML.
    let body: String
    var pictures: [Part] = []
}
