import DMSEngine
import DMSTokenizer

/// What a server adds to every request.
struct JobSettings: Sendable {
    var limits: ServerLimits
    /// The time after which a request ends unfinished.
    var timeLimit: Duration?
    /// Names the answer.
    var requestID: String
    /// Who shares stored prefixes: requests with the same API key.
    var cacheSalt: String?
    /// Whose saved conversations the request means.
    var sessionOwner: SessionOwner?
}

extension ServedModel {
    /// - Throws: `APIError` for a request that this model cannot serve.
    func job(_ request: CompletionRequest, _ settings: JobSettings) throws(APIError) -> GenerationJob {
        try requireName(request.options.model)
        let session = try session(request.options.session, settings)
        let isNew = session.continuing == nil
        var prompts: [[Int32]] = []
        var echoes: [String] = []
        for prompt in request.prompts {
            let tokens: [Int32]
            switch prompt {
            case .text(let text): tokens = tokenizer.encode(text, addSpecialTokens: request.addsSpecialTokens && isNew)
            case .tokens(let ids): tokens = ids
            }
            if isNew || !tokens.isEmpty { try check(tokens, settings.limits, field: "prompt") }
            prompts.append(tokens)
            echoes.append(request.echoes ? try echo(prompt) : "")
        }
        let header = AnswerHeader(id: "cmpl-" + settings.requestID, created: WallClock.seconds, model: name)
        let promptProbabilities = request.echoes ? request.logProbabilities : nil
        if let promptProbabilities { try checkSize(of: prompts, request.options, top: promptProbabilities) }
        return try job(
            prompts, echoes, request.options, session, settings, maximumTokens: request.maximumTokens,
            logProbabilities: request.logProbabilities, promptProbabilities: promptProbabilities,
            endTokens: endTokens, CompletionFormat(header: header))
    }

    /// - Throws: `APIError` for a request that this model cannot serve.
    func job(_ request: ChatRequest, _ settings: JobSettings) throws(APIError) -> GenerationJob {
        try requireName(request.options.model)
        let prompt = try chatPrompt()
        let session = try session(request.options.session, settings)
        let tokens =
            session.continuing.map { prompt.continuation(request.messages, after: $0.tokens) }
            ?? prompt.tokens(request.messages)
        try check(tokens, settings.limits, field: "messages")
        let header = AnswerHeader(id: "chatcmpl-" + settings.requestID, created: WallClock.seconds, model: name)
        return try job(
            [tokens], [""], request.options, session, settings,
            maximumTokens: request.maximumTokens ?? settings.limits.defaultChatTokens,
            logProbabilities: request.logProbabilities, endTokens: endTokens.union(prompt.endTokens),
            ChatFormat(header: header))
    }

    /// The log-probabilities of prompts are in memory at once.
    private func checkSize(of prompts: [[Int32]], _ options: GenerationOptions, top: Int) throws(APIError) {
        let count = prompts.reduce(0) { $0 + $1.count } * options.choices * (top + 1)
        guard count > ServerLimits.echoedProbabilities else { return }
        throw .invalid(
            "echo", found: "\(count) log-probabilities of prompts",
            required: "at most \(ServerLimits.echoedProbabilities): prompt tokens times n times (logprobs + 1)")
    }

    /// - Throws: `APIError` for a model that is no partner in a conversation.
    func chatPrompt() throws(APIError) -> ChatPrompt {
        if let chatTemplate { return ChatPrompt(template: chatTemplate, tokenizer: tokenizer) }
        throw APIError(
            status: 400, kind: .invalidRequest,
            message: "the model \(name) serves no chats: its special tokens speak for no template or for several, "
                + "required \(ChatTemplate.requirements.joined(separator: " or ")); /v1/completions serves it",
            parameter: "model", code: "chat_not_supported")
    }

    private func echo(_ prompt: CompletionRequest.Prompt) throws(APIError) -> String {
        switch prompt {
        case .text(let text): return text
        case .tokens(let ids):
            do throws(TokenizerError) {
                return try tokenizer.decode(ids, skipSpecialTokens: true)
            } catch {
                throw .invalid("prompt", found: error.found, required: error.required)
            }
        }
    }

    func check(_ tokens: [Int32], _ limits: ServerLimits, field: String) throws(APIError) {
        if tokens.isEmpty {
            throw .invalid(field, found: "no token", required: "at least one", code: "empty_prompt")
        }
        let limit = min(limits.promptTokens ?? .max, listing.positions)
        guard tokens.count <= limit else {
            throw .invalid(
                field, found: "\(tokens.count) tokens", required: "at most \(limit)", code: "context_length_exceeded")
        }
    }

    private func job(
        _ prompts: [[Int32]], _ echoes: [String], _ options: GenerationOptions, _ session: JobSession,
        _ settings: JobSettings, maximumTokens: Int, logProbabilities: Int?, promptProbabilities: Int? = nil,
        endTokens: Set<Int32>, _ format: any AnswerFormat
    ) throws(APIError) -> GenerationJob {
        let grammar = try grammars.grammar(options.responseFormat)
        var requests: [GenerationRequest] = []
        let seed = options.sampling.seed.map { UInt64(bitPattern: $0) } ?? UInt64.random(in: UInt64.min...UInt64.max)
        do {
            for prompt in prompts {
                for _ in 0..<options.choices {
                    let sampling = try options.sampling.parameters(defaults, seed: seed, choice: requests.count)
                    requests.append(
                        try GenerationRequest(
                            prompt: prompt, sampling: sampling, maximumTokens: maximumTokens,
                            endTokens: options.ignoresEnd ? [] : endTokens, stopStrings: options.stopStrings,
                            logProbabilities: logProbabilities, grammar: grammar,
                            promptLogProbabilities: promptProbabilities, timeLimit: settings.timeLimit,
                            cacheSalt: settings.cacheSalt, continuing: session.continuing?.name,
                            continuedTokens: session.continuing?.tokens, saving: session.saving,
                            reportsCache: options.reportsCache))
                }
            }
        } catch {
            throw APIError(error)
        }
        return GenerationJob(
            requests: requests, echoes: echoes.flatMap { Array(repeating: $0, count: options.choices) },
            choicesPerPrompt: options.choices, promptTokens: prompts.reduce(0) { $0 + $1.count }, format: format,
            streams: options.streams,
            includesUsage: options.includesUsage)
    }
}
