import DMSCheckpoint
import DMSModel
import DMSPolicy
public import DMSTensor

/// Controls for needle tasks: a sliding window and a random gate on the same weights, which store as many tokens when the
/// question is asked as the model's own gate does.
///
/// At that moment, because a gate's cache still grows when a window's has long stopped: matched over the whole run, the
/// window would be smaller just where it counts.
public struct NeedleControls {
    /// What reports call the sliding window.
    public static let windowName = "sliding_window"
    /// What reports call the random gate.
    public static let randomName = "random"

    private let runner: ModelRunner
    private let rule: RetentionRule
    private let kvType: ScalarType
    private let seed: UInt64

    /// - Throws: ``EvaluationError`` for a model that cannot evict.
    public init(_ runner: ModelRunner, kvType: ScalarType, seed: UInt64) throws {
        guard let dms = runner.model.dms else {
            throw EvaluationError("controls at equal live tokens need a model with DMS metadata")
        }
        self.runner = runner
        rule = dms.rule
        self.kvType = kvType
        self.seed = seed
    }

    /// - Parameters:
    ///   - stored: Token·heads that the gate stores at the end of a prompt, on average.
    ///   - length: Tokens of a prompt.
    func subjects(matching stored: Double, length: Int) throws -> [Subject] {
        let configuration = runner.model.configuration
        let controls = try EqualMemoryControls(
            storedAtEnd: stored, rule: rule, length: length, layers: configuration.layerCount,
            heads: configuration.keyValueHeadCount, seed: seed)
        return [
            try controls.slidingWindowSubject(name: Self.windowName, runner, kvType: kvType),
            try controls.randomSubject(name: Self.randomName, runner, kvType: kvType),
        ]
    }
}
