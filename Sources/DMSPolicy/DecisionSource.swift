/// Where the raw gate value of a token comes from.
///
/// A struct with static members, so that a further source is no breaking change for those who switch over it.
public struct DecisionSource: Sendable, Hashable, CustomStringConvertible {
    /// The name in metadata files.
    public let name: String

    private init(name: String) { self.name = name }

    /// One channel of the first query head of each KV group, which thereby no longer takes part in attention.
    ///
    /// It is read before RoPE, and after `q_norm` where there is one. Dynamic Memory Compression, arXiv 2403.09636,
    /// §3.1.
    public static let borrowedQueryChannel = DecisionSource(name: "borrowed_query_channel")
    /// A projection of its own with its own normalisation, on the hidden state before the attention norm.
    ///
    /// Inference-Time Hyper-Scaling, arXiv 2506.05345, §3.2.
    public static let adapter = DecisionSource(name: "adapter")

    /// Every source that has a name.
    public static let all: [DecisionSource] = [.borrowedQueryChannel, .adapter]

    /// The source that metadata files call `name`.
    ///
    /// - Throws: ``PolicyError`` listing the known names.
    public init(named name: String) throws(PolicyError) {
        guard let known = Self.all.first(where: { $0.name == name }) else {
            throw PolicyError(
                field: "decision_source", found: "\"\(name)\"", required: listOfNames(Self.all.map(\.name)))
        }
        self = known
    }

    public var description: String { name }
}

/// `"a"`, `"b"` or `"c"`, for error messages.
func listOfNames(_ names: [String]) -> String {
    let quoted = names.map { "\"\($0)\"" }
    guard let last = quoted.last, quoted.count > 1 else { return quoted.joined() }
    return quoted.dropLast().joined(separator: ", ") + " or " + last
}
