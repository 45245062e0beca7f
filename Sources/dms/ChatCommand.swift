import ArgumentParser
import DMSCache
import DMSCheckpoint
import DMSEngine
import DMSModel
import DMSServer
import DMSTensor
import DMSTerminal

struct ChatCommand: ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Talk with a model in the terminal.",
        discussion: """
              dms chat --model DIR
              printf 'Hello\\nAnd in French?\\n' | dms chat --model DIR

            The model needs the special tokens of Llama 3 or ChatML; another one continues texts with dms generate. The \
            conversation stays in the cache from turn to turn, so that only what is new is computed.

            Lines that begin with a slash are commands: /memory says what the cache holds, /save FILE and /load FILE \
            keep a conversation and bring it back without computing it again (files as of dms generate --session), \
            /system TEXT begins anew with a system message, /new without one, /help lists all of them. A line that is \
            to begin with a slash has two.

            In a terminal: arrow keys, history, Ctrl-A, Ctrl-E, Ctrl-W, Ctrl-U, Ctrl-K, Ctrl-Y; Alt-Enter breaks the line; \
            Ctrl-C stops the answer, Ctrl-D ends. Elsewhere each line of standard input is a turn, answers go to \
            standard output, and the end of input ends.

            \(SamplingOptions.explanation)
            """)

    @Option(help: HubOptions.help("The model", orElse: "the small model that comes with dms"))
    var model: String?

    @Option(help: ArgumentHelp("Begin with this system message.", valueName: "text"))
    var system: String?

    @Option(help: ArgumentHelp("Go on with the conversation in this file.", valueName: "file"))
    var load: String?

    @Option(help: ArgumentHelp("End an answer after so many tokens.", valueName: "count"))
    var maxTokens = 1024

    @Option(
        help: "llama3 or chatml: how conversations are written. (default: what the model's special tokens speak for)")
    var chatTemplate: ChatTemplate?

    @Flag(help: "Evict nothing.")
    var noEvict = false

    @OptionGroup(title: "Sampling")
    var sampling: SamplingOptions

    @OptionGroup(title: "Computing")
    var cache: CacheOptions

    @OptionGroup(title: "Computing")
    var compute: ComputeOptions

    @OptionGroup(title: "Computing")
    var weightLayout: LayoutOptions

    @OptionGroup var hub: HubOptions

    func validate() throws {
        guard (1...Int(Int32.max)).contains(maxTokens) else {
            throw ValidationError("--max-tokens: found \(maxTokens), required 1 to \(Int32.max)")
        }
        if system != nil, load != nil {
            throw ValidationError("--system: found beside --load, required one of them: what was saved has its own")
        }
    }

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        if let model { self.model = try folder(model) }
    }

    func run() throws {
        let path = try model ?? ShippedModel.path()
        let kernels = try CPUKernels(threads: compute.threads)
        let loaded = try LoadedModel(
            path: path, precision: compute.precision, layout: weightLayout.layout, kernels: kernels)
        let recommended = loaded.directory.generationConfiguration
        guard let template = chatTemplate ?? ChatTemplate.detect(loaded.tokenizer, endOfText: recommended.endOfTextIDs)
        else { throw ConsoleError(Self.noTemplate(path)) }
        guard template.isSupported(by: loaded.tokenizer) else {
            let tokens = template.requiredTokens.joined(separator: ", ")
            throw ConsoleError(
                "--chat-template: found \(template.rawValue), required special tokens of the model: \(tokens)")
        }
        let conversation = try ChatConversation(
            loaded, template: template, kvType: cache.type(for: compute.precision), evicts: !noEvict, system: system,
            parameters: GenerationParameters(
                sampling: sampling.resolved(SamplingOptions.Defaults(recommended)), maximumTokens: maxTokens,
                endTokens: Set(recommended.endOfTextIDs), prefillChunk: ChatConversation.prefillChunk))
        if let load { try conversation.load(load) }
        try ChatSession(conversation, isInteractive: Terminal.isInteractive).run()
    }

    private static func noTemplate(_ path: String) -> String {
        "\(path): found no special tokens of a template for chats, or of several; required "
            + ChatTemplate.requirements.joined(separator: ", or ")
            + ". dms generate \"TEXT\" continues a text with this model, dms serve has a page for it, and "
            + "--chat-template names a template"
    }
}
