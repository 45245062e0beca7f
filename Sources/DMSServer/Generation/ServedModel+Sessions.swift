import DMSCache
import DMSCheckpoint
import DMSEngine
import DMSTokenizer

/// What a request says of saved conversations, looked up.
struct JobSession: Sendable {
    struct Continued: Sendable {
        let name: SessionName
        let tokens: [Int32]
    }

    var continuing: Continued?
    var saving: SessionName?
}

extension ServedModel {
    /// - Throws: `APIError` for a name that is none, or that nothing usable was saved under.
    func session(_ field: SessionField, _ settings: JobSettings) throws(APIError) -> JobSession {
        if field.isEmpty { return JobSession() }
        guard engine.keepsSessions else { throw APIError(SessionError.notKept) }
        var session = JobSession()
        if let name = field.saving {
            session.saving = try SessionField.name(name, settings.sessionOwner, path: "session.save")
        }
        if let name = field.continuing {
            let name = try SessionField.name(name, settings.sessionOwner, path: "session.continue")
            session.continuing = JobSession.Continued(name: name, tokens: try tokens(of: name))
        }
        return session
    }

    /// The request that computes a conversation and saves it.
    ///
    /// - Throws: `APIError` for one that this model cannot serve.
    func request(saving body: SessionRequest, _ settings: JobSettings) throws(APIError) -> GenerationRequest {
        try requireName(body.model)
        guard engine.keepsSessions else { throw APIError(SessionError.notKept) }
        let name = try SessionField.name(body.name, settings.sessionOwner, path: "name")
        let tokens: [Int32]
        switch body.content {
        case .messages(let messages):
            tokens = try chatPrompt().tokens(messages, opensAnswer: false)
            try check(tokens, settings.limits, field: "messages")
        case .text(let text):
            tokens = tokenizer.encode(text, addSpecialTokens: body.addsSpecialTokens)
            try check(tokens, settings.limits, field: "prompt")
        }
        do {
            // The token that is chosen is dropped again; choosing it is how the engine knows a prompt to be computed.
            return try GenerationRequest(
                prompt: tokens, maximumTokens: 1, timeLimit: settings.timeLimit, cacheSalt: settings.cacheSalt,
                saving: name, saved: .prompt)
        } catch {
            throw APIError(error)
        }
    }

    /// Hands a request to the engine.
    ///
    /// - Throws: As the engine; for a conversation that turns out to be damaged an error that names no path.
    func submit(_ request: GenerationRequest) throws -> GenerationStream {
        do {
            return try engine.submit(request)
        } catch let error as CheckpointError {
            guard let name = request.continuing else { throw error }
            throw SessionError.unusable(name, reason: SavedSession.Unusable(error).reason)
        }
    }

    /// A saved conversation as clients are told of it.
    ///
    /// - Parameter hasText: Whether it says the text, too.
    func description(of session: SavedSession, hasText: Bool = false) -> SessionDescription {
        var description = SessionDescription(session)
        guard hasText, case .success(let contents) = session.contents else { return description }
        description.text = try? tokenizer.decode(contents.tokens, skipSpecialTokens: true)
        description.messages = chatTemplate.flatMap {
            ChatTranscript(template: $0, tokenizer: tokenizer).messages(contents.tokens)
        }
        return description
    }

    private func tokens(of name: SessionName) throws(APIError) -> [Int32] {
        do throws(SessionError) {
            switch try engine.savedSession(name).contents {
            case .success(let summary): return summary.tokens
            case .failure(let unusable): throw .unusable(name, reason: unusable.reason)
            }
        } catch {
            throw APIError(error)
        }
    }
}
