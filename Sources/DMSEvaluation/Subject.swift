import DMSCheckpoint
public import DMSModel
import DMSPolicy
import DMSTensor

/// Something that predicts text and is to be judged: a model, a path its attention takes, and who decides about
/// eviction.
public final class Subject {
    /// What results call it.
    public let name: String
    /// What runs the model.
    public let runner: ModelRunner
    /// How its attention is computed.
    public let path: any AttentionPath
    /// Who decides about eviction.
    public let eviction: EvictionControl
    let recorder: DecisionRecorder

    /// - Parameter observer: Watches the passes as well.
    public init(
        name: String, runner: ModelRunner, path: any AttentionPath, eviction: EvictionControl = .model,
        observer: (any ActivationObserver)? = nil
    ) {
        self.name = name
        self.runner = runner
        self.path = path
        self.eviction = eviction
        let configuration = runner.model.configuration
        recorder = DecisionRecorder(
            layerCount: configuration.layerCount, headCount: configuration.keyValueHeadCount, next: observer)
    }

    /// Token·heads of one token: layers · KV heads.
    var tokenHeads: Int {
        runner.model.configuration.layerCount * runner.model.configuration.keyValueHeadCount
    }

    func startSequence() {
        path.reset()
        recorder.startSequence()
    }

    /// Runs the next tokens; see ``ModelRunner/run(_:from:through:eviction:observer:_:)``.
    func run(_ tokens: ArraySlice<Int32>, from position: Int, _ body: (MatrixView, Int) throws -> Void) throws {
        try runner.run(
            tokens, from: position, through: path, eviction: eviction, observer: recorder, body)
    }
}
