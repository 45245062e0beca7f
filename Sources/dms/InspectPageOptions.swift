import ArgumentParser

/// What a report measures when it is asked to.
enum InspectMeasure: String, CaseIterable, ExpressibleByArgument {
    case perplexity, recall
}

/// The options of `dms inspect` that are about the report.
struct InspectPageOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write a report of what each head keeps of a text.", valueName: "file.html"))
    var output: String?

    @Option(help: ArgumentHelp("Write each picture as an SVG file of its own, too.", valueName: "dir"))
    var parts: String?

    @Option(help: ArgumentHelp("The text.", valueName: "text"))
    var prompt: String?

    @Option(help: ArgumentHelp("A UTF-8 file that is the text.", valueName: "file"))
    var promptFile: String?

    @Option(help: ArgumentHelp("A UTF-8 file whose beginning is the text.", valueName: "file"))
    var corpus: String?

    @Option(
        help: ArgumentHelp(
            "Read so many tokens at most. (default: a prompt is read whole; of a corpus, the context that the gates were "
                + "trained on, else 4096)", valueName: "tokens"))
    var contextLength: Int?

    @Flag(help: "Leave out what the tokenizer puts at the start of a text, such as a beginning-of-text token.")
    var noBos = false

    @Option(help: "perplexity (needs --corpus) or recall: what is measured besides; may be repeated.")
    var measure: [InspectMeasure] = []

    @Option(help: HubOptions.help("A model to compare with, run densely; for --measure"))
    var base: String?

    @Option(
        help: ArgumentHelp(
            "Chunks, as long as the text read, that --measure perplexity scores. (default: 4, or fewer where there are "
                + "not so many)", valueName: "count"))
    var chunks: Int?

    @Option(
        help: ArgumentHelp(
            "Tokens of a sample of --measure recall; several, separated by commas. (default: 512,1024)"))
    var lengths: CountList?

    @Option(help: ArgumentHelp("Depths in percent, separated by commas. (default: 0,25,50,75,100)"))
    var depths: PercentList?

    @Option(help: ArgumentHelp("Samples of each length and depth. (default: 4)", valueName: "count"))
    var samples: Int?

    @Option(
        help: ArgumentHelp(
            "A step log or training_log.json. (default: that in the model's folder, if there is one)",
            valueName: "file"))
    var trainingLog: String?

    @Option(
        help: ArgumentHelp(
            "Of samples, random gates, and the text made for the model. (default: 0)", valueName: "number"))
    var seed: UInt64?

    /// Whether a text was named.
    var hasText: Bool { prompt != nil || promptFile != nil || corpus != nil }

    private var given: [(String, Bool)] {
        [
            ("parts", parts != nil), ("prompt", prompt != nil), ("prompt-file", promptFile != nil),
            ("corpus", corpus != nil), ("context-length", contextLength != nil), ("no-bos", noBos),
            ("measure", !measure.isEmpty), ("base", base != nil), ("training-log", trainingLog != nil),
            ("seed", seed != nil),
        ]
    }

    private var ofRecall: [(String, Bool)] {
        [("lengths", lengths != nil), ("depths", depths != nil), ("samples", samples != nil)]
    }

    /// - Parameter otherOptions: Options that only a report has a use for, and whether each is there.
    func validate(otherOptions: [(String, Bool)]) throws {
        if output == nil {
            for (name, isGiven) in given + [("chunks", chunks != nil)] + ofRecall + otherOptions where isGiven {
                throw ValidationError("--\(name) is for a report: give --output FILE.html, too")
            }
        }
        if output == "" { throw ValidationError("--output: found an empty text, required the path of a file") }
        let texts = [("prompt", prompt != nil), ("prompt-file", promptFile != nil), ("corpus", corpus != nil)]
        let names = texts.filter(\.1).map { "--\($0.0)" }
        if names.count > 1 { throw ValidationError("\(names.joined(separator: " and ")) exclude each other") }
        if measure.contains(.perplexity), corpus == nil {
            throw ValidationError("--measure perplexity needs --corpus FILE")
        }
        if chunks != nil, !measure.contains(.perplexity) {
            throw ValidationError("--chunks is for --measure perplexity")
        }
        if base != nil, measure.isEmpty { throw ValidationError("--base is for --measure") }
        for (name, isGiven) in ofRecall where isGiven && !measure.contains(.recall) {
            throw ValidationError("--\(name) is for --measure recall")
        }
        if Set(measure).count < measure.count { throw ValidationError("--measure: found the same twice") }
        if let contextLength, !(1...1 << 24).contains(contextLength) {
            throw ValidationError("--context-length: found \(contextLength), required 1 to 16777216")
        }
        if contextLength == 1, measure.contains(.perplexity) {
            throw ValidationError("--context-length: found 1, required 2 or more for --measure perplexity")
        }
        if let chunks, chunks < 1 { throw ValidationError("--chunks: found \(chunks), required 1 or more") }
        if let samples, !(1...1 << 20).contains(samples) {
            throw ValidationError("--samples: found \(samples), required 1 to 1048576")
        }
    }
}
