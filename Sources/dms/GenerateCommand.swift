import ArgumentParser
import DMSCache
import DMSCheckpoint
import DMSEngine
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTokenizer

struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Continue a text.",
        discussion: """
            The text streams to standard output; a summary goes to standard error when that is a terminal. The prompt \
            is the argument, or all of standard input, its last line break included.

            A model with dms_metadata.json evicts from its cache while it runs; --no-evict keeps everything. Without \
            --model it is the small model that comes with dms, which can do nothing but say a password that it has read. \
            Results do not depend on --threads, and on --prefill-chunk only by rounding, which may tip a decision that is \
            close.

            \(SamplingOptions.explanation)

            A prompt longer than the model's max_position_embeddings is refused, and a continuation ends there \
            (finish_reason context_limit).

            With --json: text (the continuation without special tokens and stop strings), token_ids (with the end \
            token and those of a stop string, as Transformers returns them), prompt_tokens, finish_reason (stop, \
            stop_string, length, context_limit), timings and kv. time_to_first_token_seconds counts from the start of \
            loading. live_ratio is the tokens a dense cache would store over those stored, at the end; byte_ratio its \
            bytes in the same dtype over those allocated; decision_ratio what the gates asked for, 1 without a gate.
            """)

    @Argument(
        help: "The prompt. (default: standard input; without a model and a text, a question made for the purpose)")
    var prompt: String?

    @Option(
        help: ArgumentHelp("The model's folder. (default: the small model that comes with dms)", valueName: "dir"))
    var model: String?

    @Option(help: ArgumentHelp("End after so many tokens.", valueName: "count"))
    var maxTokens = 256

    @OptionGroup(title: "Sampling")
    var sampling: SamplingOptions

    @Option(help: ArgumentHelp("End before this text; may be repeated.", valueName: "text"))
    var stop: [String] = []

    @Flag(help: "Go on after end-of-text tokens.")
    var ignoreEos = false

    @Flag(help: "Leave out what the tokenizer puts around a prompt, such as a beginning-of-text token.")
    var noBos = false

    @Flag(help: "Evict nothing.")
    var noEvict = false

    @Option(help: ArgumentHelp("Prompt tokens per forward pass.", valueName: "tokens"))
    var prefillChunk = GenerationParameters.defaultPrefillChunk

    @OptionGroup(title: "Computing")
    var cache: CacheOptions

    @OptionGroup(title: "Computing")
    var compute: ComputeOptions

    @Flag(help: "Print one JSON object instead of the text.")
    var json = false

    func validate() throws {
        if stop.contains("") { throw ValidationError("--stop: found an empty text, required at least one character") }
        for (name, value, limit) in [
            ("max-tokens", maxTokens, Int(Int32.max)), ("prefill-chunk", prefillChunk, 1 << 20),
        ]
        where !(1...limit).contains(value) {
            throw ValidationError("--\(name): found \(value), required 1 to \(limit)")
        }
        if prompt == nil, model != nil, Console.isInputTerminal {
            throw ValidationError("generating needs a prompt: give it as an argument, or on standard input")
        }
    }

    func run() throws {
        let start = ContinuousClock.now
        let (text, demo) = try input()
        let kernels = try CPUKernels(threads: compute.threads)
        let loaded = try LoadedModel(
            path: try model ?? ShippedModel.path(), precision: compute.precision, kernels: kernels)
        let ids = loaded.tokenizer.encode(text, addSpecialTokens: !noBos)
        let limit = min(maxTokens, demo?.maximumTokens ?? maxTokens)
        warn(loaded, tokens: ids.count + limit)
        let kv = CompactAttention(
            loaded.model, configuration: CacheConfiguration(kvType: cache.type(for: compute.precision)),
            retention: noEvict ? nil : loaded.model.dms.map { ($0.rule, $0.assembly) })
        let tokens = try TokenGenerator(
            loaded.model, attention: kv, prompt: ids, parameters: parameters(loaded, maximumTokens: limit),
            eviction: noEvict ? .off : .model)
        var generator = try TextGenerator(
            tokens, tokenizer: loaded.tokenizer, stopStrings: stop + (demo.map { [$0.stop] } ?? []))
        var continuation = ""
        if let demo, !json { try Console.write(demo.introduction) }
        var firstToken: Double?
        while let piece = try generator.next() {
            if firstToken == nil { firstToken = seconds(since: start) }
            continuation += piece
            if !json { try Console.write(piece) }
        }
        let report = GenerateReport(
            text: continuation, tokens: generator.tokens, promptTokens: ids.count,
            finishReason: generator.finishReason, loadSeconds: loaded.loadSeconds, firstTokenSeconds: firstToken,
            timings: generator.timings, kvType: cache.type(for: compute.precision), kv: kv.report())
        if json {
            try Console.write(report.json)
        } else if let demo {
            try Console.write(demo.conclusion(continuation, kv.report()))
        } else {
            if Console.isOutputTerminal, !continuation.hasSuffix("\n") { try Console.write("\n") }
            Console.progress(report.summary)
        }
    }

    /// The prompt; where nobody gave one for the model that comes with `dms`, the demonstration's.
    private func input() throws -> (text: String, demo: GenerateDemo?) {
        if let prompt { return (prompt, nil) }
        if model != nil { return (try Console.readText(), nil) }
        let text = Console.isInputTerminal ? "" : try Console.readText()
        if !text.isEmpty { return (text, nil) }
        let demo = GenerateDemo(seed: sampling.seed)
        return (demo.prompt, demo)
    }

    private func parameters(_ loaded: LoadedModel, maximumTokens: Int) throws -> GenerationParameters {
        let recommended = loaded.directory.generationConfiguration
        let defaults = SamplingOptions.Defaults(
            samples: recommended.samples ?? false, temperature: recommended.temperature, topK: recommended.topK,
            topP: recommended.topP, minP: recommended.minP, repetitionPenalty: recommended.repetitionPenalty)
        return try GenerationParameters(
            sampling: sampling.resolved(defaults), maximumTokens: maximumTokens,
            endTokens: ignoreEos ? [] : Set(recommended.endOfTextIDs), prefillChunk: prefillChunk)
    }

    /// Past what a gate was trained for it may evict what is still needed.
    private func warn(_ loaded: LoadedModel, tokens: Int) {
        guard !noEvict, let trained = loaded.dms?.contextLength, tokens > trained else { return }
        Console.note(
            "dms: warning: prompt and continuation may reach \(tokens) tokens; the eviction gates were "
                + "trained on \(trained) (context_len)")
    }

    private func seconds(since start: ContinuousClock.Instant) -> Double {
        (ContinuousClock.now - start) / .seconds(1)
    }
}
