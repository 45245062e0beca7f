import DMSCheckpoint
import DMSEngine
import DMSEvaluation
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTokenizer

/// A model that another is compared with, token by token.
enum BaseModel {
    /// Loads it and checks that both mean the same tokens.
    ///
    /// - Parameters:
    ///   - text: What is evaluated, and `tokens` what the other model's tokenizer makes of it.
    static func load(
        _ path: String, for loaded: LoadedModel, text: String, tokens: [Int32], hasStart: Bool, precision: Precision,
        layout: WeightLayout, kernels: CPUKernels
    ) throws -> LlamaModel {
        let directory = try ModelDirectory.open(path: path)
        try requireSameVocabulary(loaded, directory)
        try requireSameTokenizer(loaded, directory, text: text, tokens: tokens, hasStart: hasStart)
        let metadata = try directory.dmsMetadata()
        return try LlamaModel(
            configuration: directory.configuration,
            weights: try LlamaWeights(directory, precision: precision, layout: layout, kernels: kernels),
            dms: metadata?.configuration, precision: precision, layout: layout, kernels: kernels)
    }

    private static func requireSameVocabulary(_ loaded: LoadedModel, _ base: ModelDirectory) throws(EvaluationError) {
        let own = loaded.directory.configuration.vocabularySize
        let other = base.configuration.vocabularySize
        guard own == other else {
            throw EvaluationError(
                "\(base.path) has a vocabulary of \(other) tokens and \(loaded.directory.path) one of \(own); required: "
                    + "the same tokenizer, as predictions are compared token by token")
        }
    }

    /// A base without a tokenizer of its own is taken to use the model's.
    private static func requireSameTokenizer(
        _ loaded: LoadedModel, _ base: ModelDirectory, text: String, tokens: [Int32], hasStart: Bool
    ) throws {
        guard !tokens.isEmpty, let other = try? MappedFile(path: base.tokenizerPath) else { return }
        let own = try MappedFile(path: loaded.directory.tokenizerPath)
        if own.withBytes({ a in other.withBytes { b in a.count == b.count && a.elementsEqual(b) } }) { return }
        let tokenizer = try Tokenizer(file: base.tokenizerPath)
        guard tokenizer.stream(text, hasStart: hasStart) == tokens else {
            throw EvaluationError(
                "\(base.path) and \(loaded.directory.path) tokenise the corpus differently; required: the same tokenizer, "
                    + "as predictions are compared token by token")
        }
    }
}
