import DMSCache
import DMSPolicy
import DMSRecall
import DMSTokenizer

/// What `dms generate` does when it is given neither a model nor a text: a question about a long text, answered by the
/// model that comes with it.
struct GenerateDemo {
    static let length = 1000
    static let depth = 0.2
    private let item: RecallTask.Item
    private let question: String

    init(seed: UInt64) {
        item = RecallTask(seed: seed).item(length: Self.length, depth: Self.depth, number: 0)
        question = item.prompt.split(separator: ". ").last.map(String.init) ?? ""
    }

    var prompt: String { item.prompt }
    /// The answer is one word and a full stop.
    var stop: String { "." }
    /// Tokens of these.
    var maximumTokens: Int { 2 }

    /// Said before the answer, which ends the last line.
    var introduction: String {
        """
        A small model that evicts reads a text of \(Self.length - 1) tokens. A fifth of the way in stands

            \(question)\(item.answer).

        and at its end it is asked for that. It writes:

            \(question)
        """
    }

    /// Said after it.
    func conclusion(_ answer: String, _ kv: CacheReport) -> String {
        """

        \(answer == item.answer ? "That is right." : "That is wrong: it had to be\(item.answer).") \
        A cache that keeps everything would hold \(Units.bytes(kv.denseBytes)) by now; this one holds \
        \(Units.bytes(kv.allocatedBytes)):
        one token of \(Units.fixed(kv.ratios.finalLiveRatio ?? 1, 1)) is still there. \
        Another text: --seed 2. Your own model: --model DIR.

        """
    }
}
