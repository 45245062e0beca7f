import DMSCache
import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor

extension BenchmarkRunner {
    /// Fills one sequence for each cache, and decodes copies of it in batches of every size, in turn.
    ///
    /// - Parameter progress: Told in words what comes next.
    /// - Returns: A result for every cache and size, in the order of the workload.
    /// - Throws: ``ParameterError`` for a context that leaves the model no positions, or a synthetic fill of a model
    ///   that decides itself; what memory, files and the model throw.
    public func run(_ workload: BatchWorkload, progress: (String) -> Void = { _ in }) throws -> [BatchResult] {
        let limit = model.configuration.maximumPositions
        guard workload.positions <= limit else {
            throw ParameterError(
                field: "context", found: "\(workload.context) tokens and \(workload.generate) steps",
                required: "at most \(limit) positions")
        }
        let decodes = try workload.modes.map { mode in
            progress("filling the cache (\(mode.rawValue), \(workload.fill.rawValue))")
            return try decode(mode, workload)
        }
        var results = workload.modes.map { mode in
            workload.sequences.map { BatchResult(mode: mode, context: workload.context, sequences: $0) }
        }
        for round in 0..<workload.rounds {
            for (cache, decode) in decodes.enumerated() {
                for size in workload.sequences.indices {
                    progress(
                        "round \(round + 1) of \(workload.rounds): \(workload.modes[cache].rawValue), "
                            + "\(workload.sequences[size]) at a time")
                    try decode.round(into: &results[cache][size])
                }
            }
        }
        return results.flatMap { $0 }
    }

    private func decode(_ mode: BenchmarkMode, _ workload: BatchWorkload) throws -> BatchDecode {
        let (rule, control) = retention(of: mode)
        let configuration = CacheConfiguration(kvType: workload.kvType)
        let identity = SequenceIdentity(
            model, fingerprint: ModelFingerprint(weightsSHA256: "benchmark", configurationSHA256: "benchmark"),
            configuration: configuration, retention: rule, eviction: control)
        return try BatchDecode(
            model, kernels: kernels,
            cache: CompactAttention(model, configuration: configuration, retention: rule), eviction: control,
            saved: try saved(try filled(mode, workload), identity, context: workload.context),
            steps: workload.generate, sampling: workload.sampling, largest: workload.sequences.max() ?? 1)
    }

    /// What a cache of a mode is made with, and who decides.
    private func retention(
        of mode: BenchmarkMode
    ) -> (rule: (rule: RetentionRule, assembly: DecisionAssembly)?, control: EvictionControl) {
        mode == .dms ? (retention.map { (rule: $0.rule, assembly: $0.assembly) }, eviction) : (nil, .off)
    }

    /// A cache whose sequence 0 has the context of a workload.
    func filled(_ mode: BenchmarkMode, _ workload: BatchWorkload) throws -> CompactAttention {
        let (rule, control) = retention(of: mode)
        let cache = CompactAttention(
            model, configuration: CacheConfiguration(kvType: workload.kvType), retention: rule)
        switch workload.fill {
        case .prefill: try prefill(cache, workload, control)
        case .synthetic:
            let fill = try SyntheticFill(model, kernels: kernels, chunk: min(workload.prefillChunk, workload.context))
            try fill.fill(cache, sequence: 0, context: workload.context, source: try source(control))
        }
        return cache
    }

    private func prefill(
        _ cache: CompactAttention, _ workload: BatchWorkload, _ control: EvictionControl
    ) throws {
        let chunk = min(workload.prefillChunk, workload.context)
        let workspace = try ForwardWorkspace(model.configuration, maximumRows: chunk)
        for start in stride(from: 0, to: workload.context, by: chunk) {
            let count = min(chunk, workload.context - start)
            let batch = ForwardBatch(tokens: randomTokens(count, sequence: 0, position: start), firstPosition: start)
            _ = try model.forward(batch, attention: cache, eviction: control, workspace: workspace)
        }
    }

    private func source(_ control: EvictionControl) throws(ParameterError) -> (any EvictionSource)? {
        switch control {
        case .off: return nil
        case .forced(let source): return source
        case .model:
            throw ParameterError(
                field: "fill", found: "synthetic, for a gate that reads the model's queries",
                required: "prefill, or a gate of random decisions")
        }
    }

    /// The sequence on its way to its copies: a file that has lost its name and goes when nobody reads it any more.
    private func saved(
        _ cache: CompactAttention, _ identity: SequenceIdentity, context: Int
    ) throws -> SequenceFile {
        let folder = try ScratchFolder()
        let path = folder.path + "/sequence"
        defer { folder.removeName(of: path) }
        try cache.save(
            0, tokens: randomTokens(context, sequence: 0, position: 0), identity: identity, to: path)
        return try SequenceFile(path: path, identity: identity)
    }
}
