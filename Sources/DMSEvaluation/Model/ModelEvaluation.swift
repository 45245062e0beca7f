import DMSCheckpoint
public import DMSModel
import DMSPolicy
public import DMSTensor

/// Judges a model on a text: its perplexity, its distance from a base model, what its cache saves, and whatever controls
/// are asked for; all on the same chunks.
public final class ModelEvaluation {
    /// What is asked for.
    public struct Options: Sendable {
        /// The first is the one that is reported; further ones are compared with it.
        public var paths: [PathKind] = [.compact]
        /// The first is the one that is reported; with several, each is compared with FP32.
        public var kvTypes: [ScalarType] = [.float32]
        /// Whether the model's gate evicts.
        public var evicts = true
        /// Whether the controls at equal live tokens are run.
        public var controls = false
        /// Tokens of one pass.
        public var passLength = 512
        /// Of the random gate.
        public var seed: UInt64 = 0

        /// The model through the compact cache in FP32, evicting, without controls.
        public init() {}
    }

    /// How far a run is.
    public struct Progress: Sendable {
        /// Whether live tokens are being counted, for the controls, before anything is scored.
        public let isCounting: Bool
        /// Chunks that are done.
        public let chunk: Int
        /// Chunks in all.
        public let chunkCount: Int
    }

    /// What was asked for.
    public let options: Options
    private let runner: ModelRunner
    private let baseRunner: ModelRunner?
    private let names: (model: String, base: String)

    /// - Parameters:
    ///   - name: What errors call the model, usually its folder.
    ///   - base: The model to compare with; it is run densely, even if it has a gate of its own.
    /// - Throws: ``EvaluationError`` for controls of a model that cannot evict, or another vocabulary; `MemoryError`.
    public init(
        _ model: LlamaModel, name: String, base: (model: LlamaModel, name: String)?, options: Options
    ) throws {
        precondition(!options.paths.isEmpty && !options.kvTypes.isEmpty, "an evaluation of nothing")
        if options.controls, model.dms == nil {
            throw EvaluationError("\(name): controls at equal live tokens need a model with DMS metadata")
        }
        if let base, base.model.configuration.vocabularySize != model.configuration.vocabularySize {
            throw EvaluationError(
                "\(base.name) has a vocabulary of \(base.model.configuration.vocabularySize) tokens and \(name) one "
                    + "of \(model.configuration.vocabularySize); required: the same tokenizer")
        }
        self.options = options
        names = (name, base?.name ?? "base")
        runner = try ModelRunner(model, passLength: options.passLength)
        baseRunner = try base.map { try ModelRunner($0.model, passLength: options.passLength) }
    }

    /// The subject whose figures are the model's.
    public var mainRole: SubjectRole { role(options.paths[0], options.kvTypes[0], evicts: options.evicts) }

    /// The same without eviction; the same as ``mainRole`` where nothing is evicted.
    public var noEvictRole: SubjectRole { role(options.paths[0], options.kvTypes[0], evicts: false) }

    /// The model on the first path with another KV type.
    public func kvRole(_ type: ScalarType, evicts: Bool) -> SubjectRole { role(options.paths[0], type, evicts: evicts) }

    private func role(_ path: PathKind, _ type: ScalarType, evicts: Bool) -> SubjectRole {
        .model(path: path, kvType: type, evicts: evicts && runner.model.dms != nil)
    }

    /// Runs everything that was asked for.
    public func run(
        _ chunks: EvaluationChunks, onProgress: (Progress) -> Void = { _ in }
    ) throws -> ModelEvaluationReport {
        let controls = options.controls ? try matchedControls(chunks, onProgress) : nil
        var roles: [SubjectRole] = []
        var links: [(SubjectRole, SubjectRole)] = []
        plan(&roles, &links)
        let subjects = try roles.map { try subject($0, controls) }
        let pairs = links.compactMap { link -> CorpusEvaluation.Pair? in
            guard let reference = roles.firstIndex(of: link.0), let subject = roles.firstIndex(of: link.1),
                reference != subject
            else { return nil }
            return CorpusEvaluation.Pair(reference: reference, subject: subject)
        }
        let result = try CorpusEvaluation(subjects: subjects, pairs: pairs).run(chunks) { scores in
            onProgress(Progress(isCounting: false, chunk: scores.chunk + 1, chunkCount: scores.chunkCount))
        }
        return ModelEvaluationReport(roles: roles, result: result, controls: controls)
    }

    /// Who is run, each once, and who is compared with whom.
    private func plan(_ roles: inout [SubjectRole], _ links: inout [(SubjectRole, SubjectRole)]) {
        func add(_ role: SubjectRole) {
            if !roles.contains(role) { roles.append(role) }
        }
        if baseRunner != nil { add(.base) }
        add(mainRole)
        for path in options.paths.dropFirst() {
            let other = role(path, options.kvTypes[0], evicts: options.evicts)
            add(other)
            links.append((mainRole, other))
        }
        if options.controls {
            for control in [noEvictRole, .slidingWindow, .randomGate] { add(control) }
            for other in [mainRole, .slidingWindow, .randomGate] { links.append((noEvictRole, other)) }
        }
        if options.kvTypes.count > 1 {
            let exact = kvRole(.float32, evicts: options.evicts)
            add(exact)
            for type in options.kvTypes {
                add(kvRole(type, evicts: options.evicts))
                links.append((exact, kvRole(type, evicts: options.evicts)))
            }
            add(kvRole(.float32, evicts: false))
            links.append((kvRole(.float32, evicts: false), exact))
        }
        if baseRunner != nil {
            for role in roles where role != .base { links.append((.base, role)) }
        }
    }

    private func subject(_ role: SubjectRole, _ controls: EqualMemoryControls?) throws -> Subject {
        let type = options.kvTypes[0]
        switch role {
        case .base:
            guard let baseRunner else { preconditionFailure("a base that was not given") }
            return Subject(
                name: names.base, runner: baseRunner,
                path: StrictPath(baseRunner.model, kvType: baseRunner.model.precision.cacheType),
                eviction: .off)
        case .model(let path, let kvType, let evicts):
            return Subject(
                name: names.model, runner: runner, path: attentionPath(path, kvType),
                eviction: evicts ? .model : .off)
        case .slidingWindow:
            guard let controls else { preconditionFailure("controls that were not chosen") }
            return try controls.slidingWindowSubject(name: names.model, runner, kvType: type)
        case .randomGate:
            guard let controls else { preconditionFailure("controls that were not chosen") }
            return try controls.randomSubject(name: names.model, runner, kvType: type)
        }
    }

    private func attentionPath(_ kind: PathKind, _ kvType: ScalarType) -> any AttentionPath {
        switch kind {
        case .strict: StrictPath(runner.model, kvType: kvType)
        case .compact: CompactPath(runner.model, kvType: kvType)
        }
    }

    /// Runs the model without scoring it, to learn how much it stores.
    private func matchedControls(
        _ chunks: EvaluationChunks, _ onProgress: (Progress) -> Void
    ) throws -> EqualMemoryControls {
        guard let dms = runner.model.dms else { preconditionFailure("controls of a model without a gate") }
        return try EqualMemoryControls(
            matching: try subject(mainRole, nil), rule: dms.rule, on: chunks, seed: options.seed
        ) { onProgress(Progress(isCounting: true, chunk: $0, chunkCount: chunks.count)) }
    }
}

/// What a ``ModelEvaluation`` found.
public struct ModelEvaluationReport: Sendable {
    /// Who was run, base first where there is one.
    public let roles: [SubjectRole]
    /// All figures, in the order of ``roles``.
    public let result: EvaluationResult
    /// The gates that were chosen, where controls were asked for.
    public let controls: EqualMemoryControls?

    /// The figures of one role, or `nil` where it was not run.
    public subscript(role: SubjectRole) -> SubjectResult? {
        roles.firstIndex(of: role).map { result.subjects[$0] }
    }

    /// How far `subject` is from `reference`, or `nil` where they were not compared.
    public func divergence(from reference: SubjectRole, to subject: SubjectRole) -> Divergence? {
        guard let first = roles.firstIndex(of: reference), let second = roles.firstIndex(of: subject) else {
            return nil
        }
        return result.divergence(reference: first, subject: second)
    }

    /// `perplexity / base perplexity − 1`, or `nil` without a base.
    public func perplexityDelta(_ role: SubjectRole) -> Double? {
        guard let own = self[role]?.perplexity.value, let base = self[.base]?.perplexity.value else { return nil }
        return own / base - 1
    }
}
