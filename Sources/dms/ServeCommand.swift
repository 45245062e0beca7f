public import ArgumentParser
import DMSCheckpoint
import DMSEngine
import DMSModel
public import DMSServer
import DMSTensor
public import Logging

struct ServeCommand: ParsableCommand, ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve a model over HTTP to OpenAI's clients.",
        discussion: """
              dms serve --model DIR --kv-budget 4GiB
              dms serve --model DIR --api-key-file keys.txt --sessions FOLDER

            Serves /v1/completions, /v1/chat/completions, /v1/models, /v1/sessions, /tokenize, /detokenize, /health, \
            /metrics, and on the loopback interface a page to try it on at /. \
            Answers stream as server-sent events or come whole. Chats need the special tokens of Llama 3 or ChatML.

            All requests share one cache, whose memory never exceeds --kv-budget: requests wait for their turn, and \
            when --max-queue wait, more are refused with status 429. A request that could never be finished within \
            the budget is refused at once.

            Without --host it listens on the loopback interface only. There is no encryption: elsewhere, put a proxy \
            in front, and give keys with --api-key-file.

            What a request does not say about sampling comes from generation_config.json where that says do_sample, \
            else from OpenAI's defaults (temperature 1).

            \(SpeculationOptions.explanation) Nothing is guessed while more than --speculate-streams answers are \
            computed.

            SIGTERM or SIGINT: no more connections, open requests have --grace-period to be finished, then status 0. \
            The log is on standard error and never has the text of a prompt or an answer.
            """)

    @Option(help: HubOptions.help("The model", orElse: "the small model that comes with dms"))
    var model: String?

    @Option(help: ArgumentHelp("The name that clients give. (default: that of the model)", valueName: "name"))
    var modelName: String?

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port; 0 for one that the system chooses.")
    var port = 8080

    @Option(
        help: ArgumentHelp(
            "Keys that clients must present, one a line; lines that begin with # are none.", valueName: "file"))
    var apiKeyFile: String?

    @Option(
        help: ArgumentHelp(
            "A name that clients may call the server by, beside localhost, as behind a proxy; may be repeated.",
            valueName: "name"))
    var allowHost: [String] = []

    @Option(
        help: "llama3 or chatml: how conversations are written. (default: what the model's special tokens speak for)")
    var chatTemplate: ChatTemplate?

    @Option(help: ArgumentHelp("The most memory of cache, activations and logits together.", valueName: "size"))
    var kvBudget = ByteCount(bytes: 2 << 30)

    @Option(help: ArgumentHelp("Answers that are computed at a time.", valueName: "count"))
    var maxConcurrency = 32

    @Option(help: ArgumentHelp("Answers that wait beside them.", valueName: "count"))
    var maxQueue = 256

    @Option(
        help: ArgumentHelp(
            "Beginnings of prompts that are kept for others that begin alike, within --kv-budget; 0 for none.",
            valueName: "count"))
    var maxPrefixes = 32

    @Flag(help: "Evict nothing.")
    var noEvict = false

    @OptionGroup(title: "Sessions and playground")
    var extras: ServeExtras

    @OptionGroup(title: "Limits")
    var limits: ServeLimits

    @OptionGroup(title: "Computing")
    var cache: CacheOptions

    @OptionGroup(title: "Computing")
    var speculation: SpeculationOptions

    @Option(help: ArgumentHelp("Answers at a time up to which --speculate guesses. (default: 2)", valueName: "count"))
    var speculateStreams: Int?

    @OptionGroup(title: "Computing")
    var compute: ComputeOptions

    @OptionGroup(title: "Computing")
    var weightLayout: LayoutOptions

    @OptionGroup var hub: HubOptions

    @Option(help: "trace, debug, info, notice, warning, error or critical: what is logged.")
    var logLevel: Logger.Level = .info

    func validate() throws {
        for (name, value, range) in [
            ("port", port, 0...65_535), ("max-concurrency", maxConcurrency, 1...4096),
            ("max-queue", maxQueue, 0...1 << 20), ("kv-budget", kvBudget.bytes, 1...Int.max),
            ("speculate-streams", speculateStreams ?? 1, 1...1024),
        ] where !range.contains(value) {
            throw ValidationError("--\(name): found \(value), required \(range.lowerBound) to \(range.upperBound)")
        }
        if speculateStreams != nil, speculation.speculate == 0 {
            throw ValidationError("--speculate-streams: found without --speculate, required with it")
        }
    }

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        if let model { self.model = try folder(model) }
    }

    func run() throws {
        let path = try model ?? ShippedModel.path()
        let keys = try apiKeyFile.map { try Self.keys(file: $0) }
        let kernels = try CPUKernels(threads: compute.threads)
        let loaded = try LoadedModel(
            path: path, precision: compute.precision, layout: weightLayout.layout, kernels: kernels)
        let sessions = try extras.openSessions(of: loaded)
        // Held until the server has ended: the folder is this process's alone.
        defer { withExtendedLifetime(sessions) {} }
        let engine = try engine(loaded, sessions?.folder)
        let served = try ServedModel(
            name: modelName ?? ModelName.ofFolder(path), engine: engine, chatTemplate: chatTemplate)
        let configuration = try ServerConfiguration(
            host: host, port: port, keys: keys, allowedHosts: allowHost, limits: try limits.limits(),
            maximumConnections: limits.maxConnections, idleTimeout: .seconds(limits.idleTimeout),
            bodyTimeout: .seconds(limits.bodyTimeout), writeTimeout: .seconds(limits.writeTimeout),
            requestTimeLimit: limits.requestTimeout == 0 ? nil : .seconds(limits.requestTimeout),
            gracePeriod: .seconds(limits.gracePeriod),
            playground: extras.examples(host: host, isShippedModel: model == nil))
        let host = host
        let server = ModelServer(served, configuration: configuration, logger: logger())
        try Waiting.result {
            try await server.run { port in
                let chats = served.chatTemplate.map { "chats as \($0.rawValue)" } ?? "no chats"
                let place = host.contains(":") ? "[\(host)]" : host
                Console.note("dms: serving \(served.name) (\(chats)) on http://\(place):\(port)")
                if configuration.playground != nil {
                    Console.note("dms: the playground is at http://\(place):\(port)/")
                }
            }
        }
    }

    private func engine(_ loaded: LoadedModel, _ sessions: SessionFolder?) throws -> Engine {
        do {
            return try Engine(
                loaded, configuration: try engineConfiguration(), sessions: sessions, eviction: noEvict ? .off : .model)
        } catch let error as ParameterError where error.field == "budgetBytes" {
            throw ConsoleError("--kv-budget: found \(error.found) bytes, required \(error.required)")
        }
    }

    private func engineConfiguration() throws -> EngineConfiguration {
        // Every answer has a row of every step, and a block of a prompt must fit beside them.
        let block = 64
        return try EngineConfiguration(
            kvType: cache.type(for: compute.precision), rowsPerBlock: block, budgetBytes: kvBudget.bytes,
            tokensPerStep: max(512, maxConcurrency + block), maximumRunning: maxConcurrency, maximumWaiting: maxQueue,
            maximumPrefixes: maxPrefixes,
            speculation: try speculation.parameters(maximumStreams: min(speculateStreams ?? 2, maxConcurrency)))
    }

    private func logger() -> Logger {
        var logger = Logger(label: "dms") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel
        return logger
    }

    private static func keys(file: String) throws -> APIKeys {
        let bytes = try MappedFile.contents(ofPath: file, limit: 1 << 20)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConsoleError("\(file): found bytes that are not UTF-8, required API keys, one a line")
        }
        do {
            return try APIKeys(parsing: text)
        } catch {
            throw ConsoleError("\(file): \(error)")
        }
    }
}

extension ChatTemplate: ExpressibleByArgument {}

extension Logger.Level: @retroactive ExpressibleByArgument {
    public init?(argument: String) { self.init(rawValue: argument) }
}
