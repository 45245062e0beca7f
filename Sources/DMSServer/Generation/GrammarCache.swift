import DMSGrammar
import Synchronization

/// The grammars of the schemas that clients sent last, so that one that comes with every request is compiled once.
final class GrammarCache: Sendable {
    /// Grammars take some two megabytes at most.
    private static let limit = 64

    private let known = Mutex(RecentlyUsed<ResponseFormat.Schema, Grammar>(limit: GrammarCache.limit))

    /// What an answer's text must be; `nil` where it may be any.
    ///
    /// - Throws: `APIError` with the place in a schema that is not understood.
    func grammar(_ format: ResponseFormat) throws(APIError) -> Grammar? {
        switch format {
        case .text: return nil
        case .jsonObject: return .jsonObject
        case .jsonSchema(let schema):
            if let grammar = known.withLock({ $0.value(for: schema) }) { return grammar }
            // Two that come at once are both compiled, and nobody waits for another's.
            do throws(SchemaError) {
                let grammar = try Grammar(schema: schema.value)
                known.withLock { $0.insert(grammar, for: schema) }
                return grammar
            } catch {
                throw Self.refusal(error)
            }
        }
    }

    private static func refusal(_ error: SchemaError) -> APIError {
        let field = "response_format.json_schema.schema"
        return APIError(
            status: 400, kind: .invalidRequest,
            message: "\(field)\(error.path): found \(error.found), required \(error.required)", parameter: field,
            code: "invalid_json_schema")
    }
}
