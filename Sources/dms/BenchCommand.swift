import ArgumentParser
import DMSCheckpoint
import DMSEngine
import DMSModel
import DMSPolicy
import DMSTensor

struct BenchCommand: ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "How fast this machine runs a model, beside what it could do at best.",
        discussion: """
            The ceilings (read bandwidth, FP32 and BF16 arithmetic) are measured in the same run, before, between and \
            after everything else, and the best counts. Prefill is compared with the arithmetic ceiling of the \
            precision: multiplications and additions of the layers' matrices per second, attention counted as time \
            but not as work. Decode is compared with the read bandwidth: every weight and the live keys and values \
            once per step.

            Without a gate one run is made, of the compact cache that keeps everything (no_evict). With --gate-evict, \
            or a model that has a gate of its own, a second one with eviction follows (dms), on the same weights.

            With --sequences 1,8 batches of copies of one sequence decode in the engine's own loop, with pages of their \
            own: tokens per second at the median step, how often that is what the first size gives, and where a \
            step's time goes.

              dms bench --shape llama-3.2-1b
              dms bench --shape llama-3.2-1b --context 8192 --gate-evict 0.875 --repeat 3
              dms bench --shape llama-3.2-1b --context 8192 --gate-evict 0.875 --sequences 1,8 --repeat 5

            The 1B shape needs 3.5 GB of memory, and eight sequences of 8192 tokens 2.3 GB more.
            """)

    @OptionGroup var options: BenchOptions
    @OptionGroup var compute: ComputeOptions
    @OptionGroup var weightLayout: LayoutOptions
    @OptionGroup var cache: CacheOptions
    @OptionGroup(title: "Sampling (--sequences)") var sampling: SamplingOptions
    @OptionGroup var hub: HubOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if options.weights == .fp32, options.shape != nil, compute.isBF16Explicit {
            throw ValidationError("--weights fp32 and --precision bf16 exclude each other: BF16 needs BF16 weights")
        }
        if options.shape != nil, compute.precision == .int8, options.weights?.integers == nil {
            throw ValidationError("--precision int8 needs --weights int8 or int4")
        }
        if options.sequences == nil, try sampling.resolved(.none) != .greedy {
            throw ValidationError("--temperature and what goes with it is for --sequences: other runs choose nothing")
        }
    }

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        if let model = options.model { options.model = try folder(model) }
    }

    func run() throws {
        let plan = try BenchPlan(
            options, compute: compute, layout: weightLayout.layout, cache: cache, sampling: sampling.resolved(.none))
        var meter = CeilingMeter(threads: plan.threads)
        if let rows = options.rows { return try runProducts(plan, rows.counts, &meter) }
        if !plan.batches.isEmpty { return try runBatches(plan, &meter) }
        var results = [BenchmarkResult?](repeating: nil, count: plan.workloads.count)
        for repetition in 0..<options.repetitions {
            try measure(&meter)
            for (index, workload) in plan.workloads.enumerated() {
                Console.progress(
                    "dms: run \(repetition + 1) of \(options.repetitions): \(workload.mode.rawValue), context "
                        + "\(workload.context), \(workload.concurrency) at a time")
                let result = try plan.runner.run(workload)
                results[index] = results[index]?.best(result) ?? result
            }
        }
        try measure(&meter)
        try write(BenchReport(plan: plan, ceilings: meter.ceilings, results: results.compactMap { $0 }))
    }

    private func measure(_ meter: inout CeilingMeter) throws {
        if options.skipsCeilings { return }
        Console.progress("dms: measuring the machine")
        try meter.measure()
    }

    private func runBatches(_ plan: BenchPlan, _ meter: inout CeilingMeter) throws {
        var report = BenchReport(plan: plan, ceilings: meter.ceilings)
        for workload in plan.batches {
            try measure(&meter)
            let results = try plan.runner.run(workload) { Console.progress("dms: \($0)") }
            report.batches.append(BenchBatches(workload: workload, results: results))
        }
        try measure(&meter)
        report.ceilings = meter.ceilings
        try write(report)
    }

    private func runProducts(_ plan: BenchPlan, _ rows: [Int], _ meter: inout CeilingMeter) throws {
        try measure(&meter)
        Console.progress("dms: linear layers")
        let results = try plan.runner.products(rows: rows, rounds: options.repetitions)
        try measure(&meter)
        var report = BenchReport(plan: plan, ceilings: meter.ceilings)
        report.products = BenchProducts(results: results)
        try write(report)
    }

    private func write(_ report: BenchReport) throws {
        if json { try Console.write(report.json) } else { try Console.write(report.text) }
    }
}

/// What will be run, on which model.
struct BenchPlan {
    let name: String
    let threads: Int
    let backend: String
    let precision: Precision
    /// What most matrices are: those of the feed-forward layers.
    let weights: WeightFormat
    let weightBytes: Int
    let runner: BenchmarkRunner
    let workloads: [BenchmarkWorkload]
    /// In place of ``workloads``, where batches are asked for.
    let batches: [BatchWorkload]

    init(
        _ options: BenchOptions, compute: ComputeOptions, layout: WeightLayout, cache: CacheOptions,
        sampling: SamplingParameters
    ) throws {
        let kernels = try CPUKernels(threads: compute.threads, instructionSet: options.instructionSet)
        threads = kernels.threads
        backend = kernels.name
        let source = try Self.source(options, compute, layout, kernels)
        precision = source.precision
        name = options.shape?.rawValue ?? options.model ?? ""
        let gate = try Self.gate(options, source)
        runner = try BenchmarkRunner(
            configuration: source.configuration, weights: source.weights, dms: source.dms, precision: precision,
            layout: layout, kernels: kernels, retention: gate?.configuration, eviction: gate?.control ?? .off)
        weights = runner.weightFormat
        weightBytes = runner.weightBytesPerStep
        var modes: [BenchmarkMode] = options.dense ? [.dense] : []
        modes += gate == nil ? [.noEvict] : [.noEvict, .dms]
        let kvType = cache.type(for: precision)
        batches = options.context.counts.compactMap { context in
            options.sequences.map { sequences in
                BatchWorkload(
                    modes: modes, context: context, generate: options.generate, sequences: sequences.counts,
                    rounds: options.repetitions, kvType: kvType, fill: options.fill ?? .prefill,
                    prefillChunk: options.prefillChunk, sampling: sampling)
            }
        }
        var workloads: [BenchmarkWorkload] = []
        for context in batches.isEmpty ? options.context.counts : [] {
            for concurrency in options.concurrency?.counts ?? [1] {
                for mode in modes {
                    workloads.append(
                        BenchmarkWorkload(
                            mode: mode, context: context, generate: options.generate, concurrency: concurrency,
                            kvType: kvType, prefillChunk: options.prefillChunk))
                }
            }
        }
        self.workloads = workloads
    }

    /// The default of `dms quantize`.
    private static let groupSize = 64

    private struct Source {
        var configuration: LlamaConfiguration
        var weights: LlamaWeights
        var dms: DMSConfiguration?
        var precision: Precision
    }

    private static func source(
        _ options: BenchOptions, _ compute: ComputeOptions, _ layout: WeightLayout, _ kernels: CPUKernels
    ) throws -> Source {
        if let shape = options.shape {
            Console.progress("dms: making random weights")
            let precision: Precision = options.weights == .fp32 ? .fp32 : compute.precision
            let type = options.weights?.scalar ?? (precision == .fp32 ? .float32 : .bfloat16)
            let configuration = try shape.configuration()
            let grouped = options.weights?.integers.map {
                GroupedFormat($0, groupSize: options.groupSize ?? Self.groupSize)
            }
            let weights = try LlamaWeights.random(
                configuration, type: type, grouped: grouped, headType: options.headWeights ?? .int8, seed: 1)
            return Source(configuration: configuration, weights: weights, dms: nil, precision: precision)
        }
        let loaded = try LoadedModel(
            path: options.model ?? "", precision: compute.precision, layout: layout, kernels: kernels)
        return Source(
            configuration: loaded.model.configuration, weights: loaded.model.weights, dms: loaded.model.dms,
            precision: compute.precision)
    }

    private static func gate(
        _ options: BenchOptions, _ source: Source
    ) throws -> (configuration: DMSConfiguration, control: EvictionControl)? {
        guard let rate = options.gateEvict else { return source.dms.map { ($0, .model) } }
        let configuration = try DMSConfiguration(
            profile: .fastdms, windowSize: options.window ?? 256, alphaScale: 100, alphaOffset: 5)
        return (configuration, .forced(RandomEviction(try RandomGate(rate: rate, seed: 1))))
    }
}
