/// Why an engine does not serve a request.
public enum EngineError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The request could never be finished within the cache's budget.
    case overBudget(neededBytes: Int, budgetBytes: Int)
    /// As many requests as the engine takes are open; later there may be room.
    case overloaded(limit: Int)
    /// The engine has been shut down.
    case shutDown

    public var description: String {
        switch self {
        case .overBudget(let needed, let budget):
            "the request may need \(needed) bytes of KV cache; the budget leaves \(budget)"
        case .overloaded(let limit): "\(limit) requests are open, which is the most that this engine takes"
        case .shutDown: "the engine has been shut down"
        }
    }
}
