import DMSCheckpoint
import DMSEngine
import DMSGrammar
import DMSTokenizer

extension APIError {
    /// What an error of the engine or the tokenizer means to a client.
    init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as ParameterError:
            self = .invalid(Self.field(error.field), found: error.found, required: error.required)
        case let error as PromptError:
            let code = if case .tooLong = error { "context_length_exceeded" } else { "empty_prompt" }
            self.init(status: 400, kind: .invalidRequest, message: "\(error)", parameter: "prompt", code: code)
        case let error as EngineError: self = .engine(error)
        case let error as ConstraintError:
            // The request's own schema brings it about, not the server's state.
            self.init(
                status: 400, kind: .invalidRequest, message: "\(error)", parameter: "response_format",
                code: error == .deadEnd ? "response_format_dead_end" : "response_format_too_complex")
        case let error as SessionError: self = .session(error)
        case is CheckpointError: self = .sessionNotSaved
        case let error as TokenizerError:
            self = .invalid("tokens", found: error.found, required: error.required)
        default: self = .internalFailure
        }
    }

    private static func engine(_ error: EngineError) -> APIError {
        switch error {
        case .overBudget:
            APIError(
                status: 400, kind: .invalidRequest,
                message: "\(error); ask for fewer tokens, or send a shorter prompt", parameter: "max_tokens",
                code: "kv_budget_exceeded")
        case .overloaded:
            APIError(
                status: 429, kind: .rateLimit, message: "\(error)", code: "queue_full", retryAfterSeconds: 1)
        case .shutDown:
            APIError(
                status: 503, kind: .server, message: "the server is shutting down", code: "shutting_down",
                retryAfterSeconds: 5)
        }
    }

    private static func session(_ error: SessionError) -> APIError {
        let (status, code) =
            switch error {
            case .notKept: (400, "sessions_not_enabled")
            case .notFound: (404, "session_not_found")
            case .unusable: (400, "session_unusable")
            case .changed: (409, "session_changed")
            case .tooMany, .tooLarge: (400, "session_limit_exceeded")
            }
        let advice = error == .notKept ? "; dms serve --sessions DIR does" : ""
        return APIError(
            status: status, kind: .invalidRequest, message: "\(error)\(advice)", parameter: "session", code: code)
    }

    /// The API's names for the engine's parameters.
    private static func field(_ name: String) -> String {
        let names = [
            "topK": "top_k", "topP": "top_p", "minP": "min_p", "repetitionPenalty": "repetition_penalty",
            "presencePenalty": "presence_penalty", "frequencyPenalty": "frequency_penalty",
            "logitBias": "logit_bias", "maximumTokens": "max_tokens", "logProbabilities": "logprobs",
            "stopStrings": "stop", "promptLogProbabilities": "logprobs", "grammar": "response_format",
        ]
        return names[name] ?? name
    }
}
