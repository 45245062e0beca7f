import ArgumentParser
import DMSEngine
import DMSEvaluation
import DMSPolicy
import DMSTensor

struct EvalCommand: ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Judge a model: perplexity, distance from a base model, and what its cache saves.",
        discussion: """
            --task wikitext (the default) scores --corpus FILE. The file is tokenised as one stream, cut into \
            contiguous chunks, an incomplete last chunk is left out, and each chunk is scored alone at its positions \
            1 to T-1. With --base, KL(base || model) is in nats per scored token and perplexity_delta is perplexity / \
            base_perplexity - 1. --controls adds the same weights without eviction, with a sliding window and with a \
            random gate; the last two store as many tokens, averaged over the run, as the model's own gate. Several \
            --kv-dtype compare each with FP32 keys and values, beside what eviction itself costs.

            --task serving continues pieces of --corpus greedily with and without eviction. KL is measured until the \
            texts part, that step included; token_match is the share of steps with the same token.

            --task needle, multi-key and variable-tracking ask for a number hidden in a long text, and recall for the \
            password that one sentence of it says; all are made from --seed. Found means that greedy decoding writes the whole answer; the mean log-probability of its tokens is shown \
            beside it, because small base models find nothing. The controls store as many tokens as the gate when the question is \
            asked. recall is what the model that comes with dms was trained for.

            Three ratios are reported and never multiplied. decision_ratio: 1 / (1 - eviction rate), what the gates \
            asked for. live_ratio: tokens seen over tokens stored, summed over all steps (also at the end and at the \
            peak). byte_ratio: bytes of a dense cache of the same dtype over bytes allocated, at the ends of the \
            chunks; only the compact path has one.

              dms eval --model DIR --base DIR --corpus valid.txt --controls
              dms eval --model DIR --task needle --lengths 1024,4096 --plot needle.svg
              dms eval --task recall --controls --plot recall.svg --text-plot text.svg
            """)

    @Option(help: HubOptions.help("The model", orElse: "the small model that comes with dms"))
    var model: String?

    @Option(help: ArgumentHelp("wikitext, serving, recall, needle, multi-key or variable-tracking."))
    var task: EvalTask = .wikitext

    @Option(help: ArgumentHelp("A UTF-8 text; for wikitext and serving.", valueName: "file"))
    var corpus: String?

    @Option(help: HubOptions.help("A model to compare with, run densely; for wikitext and needles"))
    var base: String?

    @Flag(help: "Leave out what the tokenizer puts at the start of a text, such as a beginning-of-text token.")
    var noBos = false

    @Flag(help: "Add a sliding window and a random gate that store as many tokens; not for serving.")
    var controls = false

    @Flag(help: "Evict nothing; for wikitext.")
    var noEvict = false

    @OptionGroup(title: "Perplexity (--task wikitext)")
    var perplexity: EvalPerplexityOptions

    @OptionGroup(title: "Serving (--task serving)")
    var serving: EvalServingOptions

    @OptionGroup(title: "Needles (--task recall, needle, multi-key, variable-tracking)")
    var needle: EvalNeedleOptions

    @Option(help: ArgumentHelp("Of needles and of the random gate.", valueName: "number"))
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("strict (dense cache and mask), compact (serving cache), or both; both for wikitext."))
    var path: EvalPath = .compact

    @Option(
        help: ArgumentHelp(
            "Tokens per forward pass; changes speed and memory, and figures by rounding only.", valueName: "tokens"))
    var prefillChunk = GenerationParameters.defaultPrefillChunk

    @Option(
        name: .customLong("zero-channel"),
        help: """
            none, before_rope or before_and_after_rope: what becomes of the borrowed channel. (default: what the \
            checkpoint says)
            """,
        transform: EvalCommand.zeroing)
    var zeroing: ChannelZeroing?

    @Option(
        name: .customLong("kv-dtype"),
        help: ArgumentHelp(
            """
            fp32, bf16, fp8 or int8: what keys and values are stored as; several, separated by commas, are compared, \
            for wikitext. (default: fp32 with --precision fp32, else bf16)
            """, valueName: "types"))
    var kvTypes: KVTypeList?

    @OptionGroup(title: "Computing")
    var compute: ComputeOptions

    @OptionGroup(title: "Computing")
    var weightLayout: LayoutOptions

    @OptionGroup var hub: HubOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        try refuseOptionsOfOtherTasks()
        if task.needsCorpus, corpus == nil { throw ValidationError("--task \(task.rawValue) needs --corpus FILE") }
        if controls, noEvict {
            throw ValidationError(
                "--controls and --no-evict exclude each other: controls store as much as the gate does")
        }
        guard (1...1 << 20).contains(prefillChunk) else {
            throw ValidationError("--prefill-chunk: found \(prefillChunk), required 1 to 1048576")
        }
    }

    private func refuseOptionsOfOtherTasks() throws {
        func refuse(_ name: String, _ isGiven: Bool) throws {
            if isGiven { throw ValidationError("--\(name) has no meaning for --task \(task.rawValue)") }
        }
        if !task.needsCorpus { try refuse("corpus", corpus != nil) }
        if task != .wikitext {
            for (name, isGiven) in perplexity.given { try refuse(name, isGiven) }
            try refuse("no-evict", noEvict)
            try refuse("path both", path == .both)
            try refuse("kv-dtype with several types", (kvTypes?.types.count ?? 1) > 1)
        }
        if task != .serving { for (name, isGiven) in serving.given { try refuse(name, isGiven) } }
        if !task.isNeedle { for (name, isGiven) in needle.given { try refuse(name, isGiven) } }
        if task == .serving {
            try refuse("base", base != nil)
            try refuse("controls", controls)
        }
    }

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        if let model { self.model = try folder(model) }
        if let base { self.base = try folder(base) }
    }

    func run() throws {
        let setup = try EvalSetup(self)
        switch task {
        case .wikitext: try EvalPerplexityTask(self, setup).run()
        case .serving: try EvalServingTask(self, setup).run()
        case .recall, .needle, .multiKey, .variableTracking: try EvalNeedleTask(self, setup).run()
        }
    }

    private static func zeroing(_ name: String) throws -> ChannelZeroing {
        do {
            return try ChannelZeroing(named: name)
        } catch {
            throw ValidationError("\(error)")
        }
    }

    /// The KV types asked for, the reported one first.
    var resolvedKVTypes: [ScalarType] {
        kvTypes?.types.map(\.scalar) ?? [compute.precision.cacheType]
    }
}
