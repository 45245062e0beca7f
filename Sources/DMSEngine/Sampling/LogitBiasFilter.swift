/// Adds a constant to the logits of chosen tokens, before any other filter, as OpenAI's `logit_bias` does.
public struct LogitBiasFilter: LogitFilter {
    /// What is added, by token id.
    public let biases: [Int32: Float]

    /// Adds these to the logits of these tokens.
    public init(_ biases: [Int32: Float]) {
        precondition(biases.values.allSatisfy(\.isFinite), "a bias that is not finite")
        self.biases = biases
    }

    /// Adds the biases.
    public func apply(to candidates: inout Candidates) {
        for (index, id) in candidates.ids.enumerated() {
            if let bias = biases[id] { candidates.setLogit(candidates.logits[index] + bias, at: index) }
        }
    }
}
