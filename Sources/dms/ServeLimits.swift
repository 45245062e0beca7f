import ArgumentParser
import DMSEngine
import DMSServer

/// What a server's clients may ask for, and how long it waits for them.
struct ServeLimits: ParsableArguments {
    @Option(help: ArgumentHelp("Bytes of a request's body.", valueName: "size"))
    var maxBody = ByteCount(bytes: 8 << 20)

    @Option(help: ArgumentHelp("Tokens of a prompt. (default: the model's positions)", valueName: "tokens"))
    var maxPromptTokens: Int?

    @Option(help: ArgumentHelp("Tokens of one answer.", valueName: "tokens"))
    var maxTokens = 1 << 20

    @Option(
        help: ArgumentHelp("Tokens of a chat's answer where the client says nothing.", valueName: "tokens"))
    var defaultMaxTokens = 1024

    @Option(help: ArgumentHelp("Answers of one request: prompts times n.", valueName: "count"))
    var maxChoices = 16

    @Option(help: ArgumentHelp("Connections at a time; more wait to be accepted.", valueName: "count"))
    var maxConnections = 512

    @Option(help: ArgumentHelp("Seconds until a connection without a request is closed.", valueName: "seconds"))
    var idleTimeout = 60

    @Option(help: ArgumentHelp("Seconds for a request's body to arrive.", valueName: "seconds"))
    var bodyTimeout = 30

    @Option(
        help: ArgumentHelp(
            "Seconds for a client to take what is sent; it loses its connection then.", valueName: "seconds"))
    var writeTimeout = 60

    @Option(help: ArgumentHelp("Seconds for a whole answer; 0 for any time.", valueName: "seconds"))
    var requestTimeout = 600

    @Option(
        help: ArgumentHelp("Seconds that open requests have left after SIGTERM or SIGINT.", valueName: "seconds"))
    var gracePeriod = 30

    func validate() throws {
        let seconds = 1...86_400
        let counts = 1...Int(Int32.max)
        try require("max-body", maxBody.bytes, counts)
        if let maxPromptTokens { try require("max-prompt-tokens", maxPromptTokens, counts) }
        try require("max-tokens", maxTokens, counts)
        try require("default-max-tokens", defaultMaxTokens, counts)
        try require("max-choices", maxChoices, 1...1024)
        try require("max-connections", maxConnections, 1...1 << 20)
        try require("idle-timeout", idleTimeout, seconds)
        try require("body-timeout", bodyTimeout, seconds)
        try require("write-timeout", writeTimeout, seconds)
        try require("request-timeout", requestTimeout, 0...86_400)
        try require("grace-period", gracePeriod, 0...86_400)
    }

    private func require(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
        guard range.contains(value) else {
            throw ValidationError("--\(name): found \(value), required \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func limits() throws -> ServerLimits {
        try ServerLimits(
            bodyBytes: maxBody.bytes, promptTokens: maxPromptTokens, choices: maxChoices, generatedTokens: maxTokens,
            defaultChatTokens: defaultMaxTokens)
    }
}
