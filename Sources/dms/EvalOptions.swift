import ArgumentParser
import DMSEvaluation

/// What is measured.
enum EvalTask: String, CaseIterable, ExpressibleByArgument {
    case wikitext, serving, recall, needle
    case multiKey = "multi-key"
    case variableTracking = "variable-tracking"

    var needsCorpus: Bool { self == .wikitext || self == .serving }
    var isNeedle: Bool { !needsCorpus }

    /// The texts of a needle task.
    func source(seed: UInt64) -> (any NeedleSource)? {
        if self == .recall { return RecallSource(seed: seed) }
        return NeedleTask(rawValue: rawValue).map { NeedleGenerator(task: $0, seed: seed) }
    }
}

/// Which operator computes attention.
enum EvalPath: String, CaseIterable, ExpressibleByArgument {
    case strict, compact, both

    /// The reported path first.
    var kinds: [PathKind] {
        switch self {
        case .strict: [.strict]
        case .compact: [.compact]
        case .both: [.compact, .strict]
        }
    }
}

/// Types of keys and values, such as `bf16,fp8`.
struct KVTypeList: ExpressibleByArgument {
    let types: [KVType]

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map {
            KVType(rawValue: String($0))
        }
        let types = parts.compactMap { $0 }
        guard types.count == parts.count, Set(types).count == types.count else { return nil }
        self.types = types
    }
}

struct EvalPerplexityOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Tokens of a chunk. (default: 512)", valueName: "tokens"))
    var chunkLength: Int?

    @Option(help: ArgumentHelp("Score so many chunks. (default: every full one)", valueName: "count"))
    var chunks: Int?

    var length: Int { chunkLength ?? 512 }

    var given: [(String, Bool)] {
        [("chunk-length", chunkLength != nil), ("chunks", chunks != nil)]
    }

    func validate() throws {
        guard (2...1 << 24).contains(length) else {
            throw ValidationError("--chunk-length: found \(length), required 2 to 16777216")
        }
        if let chunks, chunks < 1 { throw ValidationError("--chunks: found \(chunks), required 1 or more") }
    }
}

struct EvalServingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Tokens of each prompt. (default: 1024)", valueName: "tokens"))
    var context: Int?

    @Option(help: ArgumentHelp("Pieces of the corpus, spread over it. (default: 8)", valueName: "count"))
    var prompts: Int?

    @Option(help: ArgumentHelp("Tokens to generate. (default: 64)", valueName: "count"))
    var steps: Int?

    var resolved: (context: Int, prompts: Int, steps: Int) { (context ?? 1024, prompts ?? 8, steps ?? 64) }

    var given: [(String, Bool)] { [("context", context != nil), ("prompts", prompts != nil), ("steps", steps != nil)] }

    func validate() throws {
        for (name, value) in [("context", context), ("prompts", prompts), ("steps", steps)] {
            if let value, !(1...1 << 24).contains(value) {
                throw ValidationError("--\(name): found \(value), required 1 to 16777216")
            }
        }
    }
}

struct EvalNeedleOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Tokens of a sample; several, separated by commas. (default: 512,1024)"))
    var lengths: CountList?

    @Option(help: ArgumentHelp("Depths in percent, separated by commas. (default: 0,25,50,75,100)"))
    var depths: PercentList?

    @Option(help: ArgumentHelp("Samples of each length and depth. (default: 4)", valueName: "count"))
    var samples: Int?

    @Option(help: ArgumentHelp("Write a heat map.", valueName: "file.svg"))
    var plot: String?

    @Option(
        help: ArgumentHelp(
            "Write one text (longest length, middle depth), its words stand out the more, the more heads still store them.",
            valueName: "file.svg"))
    var textPlot: String?

    var resolvedLengths: [Int] { lengths?.counts ?? [512, 1024] }
    var resolvedDepths: [Double] { (depths?.percents ?? [0, 25, 50, 75, 100]).map { Double($0) / 100 } }

    var given: [(String, Bool)] {
        [
            ("lengths", lengths != nil), ("depths", depths != nil), ("samples", samples != nil), ("plot", plot != nil),
            ("text-plot", textPlot != nil),
        ]
    }

    func validate() throws {
        if let samples, !(1...1 << 20).contains(samples) {
            throw ValidationError("--samples: found \(samples), required 1 to 1048576")
        }
    }
}

/// Whole percentages, such as `0,50,100`.
struct PercentList: ExpressibleByArgument {
    let percents: [Int]

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        percents = parts.compactMap { $0 }
        guard percents.count == parts.count, percents.allSatisfy((0...100).contains) else { return nil }
    }
}
