import ArgumentParser
import DMSCache
import DMSCheckpoint
import DMSEngine
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTokenizer

struct GenerateCommand: ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Continue a text.",
        discussion: """
              dms generate "The film was released in" --model DIR --max-tokens 50
              dms generate --model DIR --temperature 0.7 --seed 3 --json < prompt.txt

            The text streams to standard output; a summary goes to standard error when that is a terminal. The prompt \
            is the argument, or all of standard input, its last line break included.

            A model with dms_metadata.json evicts from its cache while it runs; --no-evict keeps everything. Without \
            --model it is the small model that comes with dms, which can do nothing but say a password that it has read. \
            Results do not depend on --threads, and on --prefill-chunk only by rounding, which may tip a decision that is \
            close.

            \(SamplingOptions.explanation)

            A prompt longer than the model's max_position_embeddings is refused, and a continuation ends there \
            (finish_reason context_limit).

            With --session FILE a conversation goes on: the file is restored if it is there, so that nothing of it is \
            computed again, the prompt follows, and all is saved at the end, in place of the old file. With an empty \
            prompt logits are those of one longer call, bit by bit; draws begin anew. A file that is damaged, or was \
            made with another model, --precision, --kv-dtype or --no-evict, is refused.

            \(SpeculationOptions.explanation)

            With --json-object or --json-schema the text is JSON, whatever the model would rather say: tokens that could \
            not stand there are never chosen, and it ends where it is complete. A limit or a stop string may still cut \
            it short. Of a schema's keywords those are understood that README.md names; others are errors.

            With --json: text (the continuation without special tokens and stop strings), token_ids (with the end \
            token and those of a stop string, as Transformers returns them), prompt_tokens, finish_reason (stop, \
            stop_string, length, context_limit), timings and kv. time_to_first_token_seconds counts from the start of \
            loading. live_ratio is the tokens a dense cache would store over those stored, at the end; byte_ratio its \
            bytes in the same dtype over those allocated; decision_ratio what the gates asked for, 1 without a gate. \
            With --session also session: restored_tokens and saved_tokens; prompt_tokens counts the new ones. With \
            --speculate also speculation: proposed_tokens, accepted_tokens and decode_passes.
            """)

    @Argument(
        help: "The prompt. (default: standard input; without a model and a text, a question made for the purpose)")
    var prompt: String?

    @Option(help: HubOptions.help("The model", orElse: "the small model that comes with dms"))
    var model: String?

    @Option(help: ArgumentHelp("End after so many tokens.", valueName: "count"))
    var maxTokens = 256

    @OptionGroup(title: "Sampling")
    var sampling: SamplingOptions

    @Option(help: ArgumentHelp("Go on with the conversation in this file, and save it there.", valueName: "file"))
    var session: String?

    @Option(help: ArgumentHelp("End before this text; may be repeated.", valueName: "text"))
    var stop: [String] = []

    @OptionGroup(title: "Sampling")
    var constraint: GenerateConstraint

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
    var speculation: SpeculationOptions

    @OptionGroup(title: "Computing")
    var compute: ComputeOptions

    @OptionGroup(title: "Computing")
    var weightLayout: LayoutOptions

    @OptionGroup var hub: HubOptions

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
        if ignoreEos, constraint.isGiven {
            throw ValidationError("--ignore-eos: a JSON text has an end, so not with --json-object or --json-schema")
        }
        if prompt == nil, model != nil, Console.isInputTerminal {
            throw ValidationError("generating needs a prompt: give it as an argument, or on standard input")
        }
    }

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        if let model { self.model = try folder(model) }
    }

    func run() throws {
        let start = ContinuousClock.now
        let grammar = try constraint.grammar()
        let (text, demo) = try input()
        let kernels = try CPUKernels(threads: compute.threads)
        let loaded = try LoadedModel(
            path: try model ?? ShippedModel.path(), precision: compute.precision, layout: weightLayout.layout,
            kernels: kernels)
        let speculation = try speculation.parameters(maximumStreams: 1)
        let configuration = CacheConfiguration(
            kvType: cache.type(for: compute.precision), draftRows: speculation?.draftRows ?? 0)
        let retention = noEvict ? nil : loaded.model.dms.map { (rule: $0.rule, assembly: $0.assembly) }
        let eviction: EvictionControl = noEvict ? .off : .model
        var conversation = try session.map {
            try GenerateSession(
                path: $0, loaded, configuration: configuration, retention: retention, eviction: eviction)
        }
        let new = loaded.tokenizer.encode(text, addSpecialTokens: !noBos && conversation?.restored == nil)
        let ids = (conversation?.tokens ?? []) + new
        let limit = min(maxTokens, demo?.maximumTokens ?? maxTokens)
        warn(loaded, tokens: ids.count + limit)
        let kv = CompactAttention(loaded.model, configuration: configuration, retention: retention)
        try conversation?.restore(kv)
        let parameters = try self.parameters(loaded, maximumTokens: limit)
        let tokens = try TokenGenerator(
            loaded.model, attention: kv, prompt: ids, parameters: parameters,
            cachedTokens: conversation?.cachedTokens ?? 0,
            constraint: grammar.map { GenerateConstraint.constraint($0, loaded, endTokens: parameters.endTokens) },
            eviction: eviction, speculation: speculation)
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
        try conversation?.save(kv, tokens: ids + generator.tokens)
        let report = GenerateReport(
            text: continuation, tokens: generator.tokens, promptTokens: new.count, session: conversation?.json,
            speculation: speculation == nil ? nil : GenerateReport.speculation(of: generator),
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
        if !text.isEmpty || session != nil || constraint.isGiven { return (text, nil) }
        let demo = GenerateDemo(seed: sampling.seed)
        return (demo.prompt, demo)
    }

    private func parameters(_ loaded: LoadedModel, maximumTokens: Int) throws -> GenerationParameters {
        let recommended = loaded.directory.generationConfiguration
        let defaults = SamplingOptions.Defaults(recommended)
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
