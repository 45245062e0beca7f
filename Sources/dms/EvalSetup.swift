import DMSCheckpoint
import DMSEngine
import DMSEvaluation
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTokenizer

/// The models and the text of an evaluation, loaded and checked against each other.
struct EvalSetup {
    let modelPath: String
    let loaded: LoadedModel
    let base: LlamaModel?
    let backend: String
    /// The corpus as one stream; empty for tasks that make their own text.
    let tokens: [Int32]
    let corpusName: String?
    private let evicts: Bool

    /// What pictures call the model: its name, wherever its folder lies.
    var modelName: String { ModelName.ofFolder(modelPath) }

    init(_ command: EvalCommand) throws {
        // The text first: it is quick to read, and a wrong path should not wait for a model.
        let corpus = try command.corpus.map { path throws(EvaluationError) in try CorpusText(path: path) }
        if let corpus { TextWarnings.note(corpus.marks, in: corpus.path) }
        let kernels = try CPUKernels(threads: command.compute.threads)
        backend = kernels.name
        modelPath = try command.model ?? ShippedModel.path()
        evicts = !command.noEvict
        if command.model == nil, command.corpus != nil {
            Console.note(
                "dms: warning: without --model this is the small model that comes with dms, which knows no such text")
        }
        let loaded = try LoadedModel(
            path: modelPath, precision: command.compute.precision, layout: command.weightLayout.layout,
            kernels: kernels, overrides: DMSOverrides(zeroing: command.zeroing))
        let tokens = corpus.map { loaded.tokenizer.stream($0.text, hasStart: !command.noBos) } ?? []
        corpusName = command.corpus
        self.loaded = loaded
        self.tokens = tokens
        base = try command.base.map { path in
            try BaseModel.load(
                path, for: loaded, text: corpus?.text ?? "", tokens: tokens, hasStart: !command.noBos,
                precision: command.compute.precision, layout: command.weightLayout.layout, kernels: kernels)
        }
    }

    /// Warns where figures would mislead.
    func warn(contextLength: Int) {
        let positions = loaded.model.configuration.maximumPositions
        if contextLength > positions {
            Console.note(
                "dms: warning: \(contextLength) tokens are more than the \(positions) positions that the model states "
                    + "(max_position_embeddings)")
        }
        guard evicts, let dms = loaded.dms else { return }
        if contextLength < 8 * dms.configuration.rule.window {
            Console.note(
                "dms: warning: \(contextLength) tokens are less than 8 windows of \(dms.configuration.rule.window); tokens "
                    + "inside the window cannot be evicted, so the live ratio stays far below the decision ratio")
        }
        if let trained = dms.contextLength, contextLength > trained {
            Console.note(
                "dms: warning: \(contextLength) tokens are more than the \(trained) the eviction gates were trained on "
                    + "(context_len)")
        }
    }
}

extension Tokenizer {
    /// A text as one stream: what the tokenizer puts at its start, but nothing at its end.
    func stream(_ text: String, hasStart: Bool) -> [Int32] {
        (hasStart ? prefixIDs : []) + encode(text, addSpecialTokens: false)
    }
}
