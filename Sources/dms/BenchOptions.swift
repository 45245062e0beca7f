public import ArgumentParser
public import DMSEngine
public import DMSTensor

/// What `dms bench` measures.
struct BenchOptions: ParsableArguments {
    @Option(help: HubOptions.help("The model"))
    var model: String?

    @Option(help: ArgumentHelp("Random weights of a known shape, made in memory."))
    var shape: BenchmarkShape?

    @Option(help: ArgumentHelp("Tokens of each prompt; several, separated by commas, are measured in turn."))
    var context: CountList = CountList(counts: [512])

    @Option(help: ArgumentHelp("Decode steps.", valueName: "count"))
    var generate = 32

    @Option(
        help: ArgumentHelp(
            "Sequences that decode together, each with a prompt of its own; several, separated by commas, in turn. "
                + "(default: 1)"))
    var concurrency: CountList?

    @Option(
        help: ArgumentHelp(
            "Batches of these sizes, as in 1,8, through the engine's own loop: copies of one sequence, in turn. "
                + "--repeat counts the rounds.", valueName: "counts"))
    var sequences: CountList?

    @Option(
        help: ArgumentHelp(
            "prefill or synthetic: how the sequence of --sequences gets its context. Synthetic keys and values are "
                + "random, with the decisions of --gate-evict, and cost no pass of the model. (default: prefill)"))
    var fill: CacheFill?

    @Option(
        help: ArgumentHelp(
            "Linear layers by themselves with so many rows, as in 1,8,512: each kind in all layers. --repeat counts the "
                + "rounds.", valueName: "counts"))
    var rows: CountList?

    @Option(
        help: ArgumentHelp(
            "bf16, fp32, int8 or int4: the type of the random weights. (default: fp32 with "
                + "--precision fp32, else bf16)", valueName: "type"))
    var weights: WeightType?

    @Option(
        help: ArgumentHelp(
            "int8 or int4: the head beside int8 and int4 weights. (default: int8, as 'dms quantize' makes it)",
            valueName: "type"))
    var headWeights: GroupedFormat.IntegerType?

    @Option(
        help: ArgumentHelp(
            "Inputs that share a scale in int8 and int4 weights: 32, 64 or 128. (default: 64)", valueName: "count"))
    var groupSize: Int?

    @Option(help: ArgumentHelp("Force a random gate that evicts this share of tokens, 0 to 1.", valueName: "rate"))
    var gateEvict: Double?

    @Option(help: ArgumentHelp("The window of that gate, in tokens. (default: 256)", valueName: "tokens"))
    var window: Int?

    @Option(
        help: ArgumentHelp(
            "portable, neon, avx2, avx2-vnni, avx512, avx512-bf16 or amx: the kernels that run, to see what they are worth. "
                + "(default: the fastest this processor has)", valueName: "name"))
    var instructionSet: CPUKernels.InstructionSet?

    @Flag(help: "Also run the dense reference cache.")
    var dense = false

    @Flag(
        name: .customLong("no-ceilings"),
        help: "Do not measure the machine: quicker, takes a gigabyte less, and says nothing of fractions of ceilings.")
    var skipsCeilings = false

    @Option(
        name: .customLong("repeat"),
        help: ArgumentHelp("Run everything so often, alternating, and keep the fastest.", valueName: "count"))
    var repetitions = 1

    @Option(help: ArgumentHelp("Prompt tokens per forward pass.", valueName: "tokens"))
    var prefillChunk = GenerationParameters.defaultPrefillChunk

    func validate() throws {
        if (model == nil) == (shape == nil) {
            throw ValidationError(
                model == nil ? "give --model MODEL or --shape llama-3.2-1b" : "--model and --shape exclude each other")
        }
        if model != nil, weights != nil {
            throw ValidationError("--weights is for --shape; with --model, --precision decides")
        }
        if groupSize != nil, weights?.integers == nil {
            throw ValidationError("--group-size is for --weights int8 and int4")
        }
        if headWeights != nil, weights?.integers == nil {
            throw ValidationError("--head-weights is for --weights int8 and int4")
        }
        if let groupSize, !GroupedFormat.groupSizes.contains(groupSize) {
            throw ValidationError("--group-size: found \(groupSize), required 32, 64 or 128")
        }
        if sequences != nil, concurrency != nil {
            throw ValidationError("--sequences and --concurrency exclude each other")
        }
        if rows != nil, sequences != nil || concurrency != nil || dense || gateEvict != nil {
            throw ValidationError("--rows is for linear layers: no --sequences, --concurrency, --dense or --gate-evict")
        }
        // So many logits of a large vocabulary take gigabytes.
        if let rows, let count = rows.counts.first(where: { $0 > 1 << 12 }) {
            throw ValidationError("--rows: found \(count), required 1 to 4096")
        }
        if sequences != nil, dense {
            throw ValidationError("--dense is not for --sequences: the dense reference cache serves no batches")
        }
        if fill != nil, sequences == nil { throw ValidationError("--fill is for --sequences") }
        if fill == .synthetic, model != nil, gateEvict == nil {
            throw ValidationError("--fill synthetic with --model needs --gate-evict: a model's gate reads its queries")
        }
        if let sequences, let count = sequences.counts.first(where: { $0 > 1024 }) {
            throw ValidationError("--sequences: found \(count), required 1 to 1024")
        }
        if window != nil, gateEvict == nil { throw ValidationError("--window is for --gate-evict") }
        if let gateEvict, !(0...1).contains(gateEvict) {
            throw ValidationError("--gate-evict: found \(gateEvict), required 0 to 1")
        }
        if let window, !(0...Int(Int32.max)).contains(window) {
            throw ValidationError("--window: found \(window), required 0 to 2147483647")
        }
        for (name, value) in [("generate", generate), ("repeat", repetitions), ("prefill-chunk", prefillChunk)]
        where !(1...1 << 20).contains(value) {
            throw ValidationError("--\(name): found \(value), required 1 to 1048576")
        }
    }
}

extension BenchmarkShape: ExpressibleByArgument {}
extension CacheFill: ExpressibleByArgument {}

/// Counts separated by commas, as in 1,8,32.
struct CountList: ExpressibleByArgument {
    let counts: [Int]

    init(counts: [Int]) { self.counts = counts }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        let counts = parts.compactMap { $0 }
        guard counts.count == parts.count, counts.allSatisfy((1...1 << 24).contains) else { return nil }
        self.counts = counts
    }

    var defaultValueDescription: String { counts.map(String.init).joined(separator: ",") }
}

/// The type of random weights.
enum WeightType: String, CaseIterable, ExpressibleByArgument {
    case bf16, fp32, int8, int4

    /// For integers, of what they were rounded from.
    var scalar: ScalarType { self == .fp32 ? .float32 : .bfloat16 }

    var integers: GroupedFormat.IntegerType? { self == .int8 ? .int8 : self == .int4 ? .int4 : nil }
}

extension CPUKernels.InstructionSet: ExpressibleByArgument {
    public init?(argument: String) {
        guard let set = Self.allCases.first(where: { $0.description == argument }) else { return nil }
        self = set
    }
}
