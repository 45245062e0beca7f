public import ArgumentParser
public import DMSTensor

/// How a model is computed; the same for every verb that runs one.
struct ComputeOptions: ParsableArguments {
    @Option(
        name: .customLong("precision"),
        help: ArgumentHelp(
            "fp32, bf16 or int8: how products are computed; sums are FP32. (default: bf16)",
            discussion: "int8 is for weights of 8 and 4 bits: activations are rounded to 8 bits, too, and integers are "
                + "multiplied.",
            valueName: "precision"))
    private var statedPrecision: Precision?

    @Option(help: "Threads that compute. (default: one per processor this process may use)")
    var threads: Int?

    var precision: Precision { statedPrecision ?? .bf16 }

    /// The options, and whether each is there.
    var given: [(String, Bool)] { [("precision", statedPrecision != nil), ("threads", threads != nil)] }

    /// Whether BF16 was asked for, rather than left to the default.
    var isBF16Explicit: Bool { statedPrecision == .bf16 }

    func validate() throws {
        if precision == .int8, !CPUKernels.InstructionSet.best.multipliesIntegers {
            Console.note(
                "dms: warning: --precision int8 has no kernel of its own for this processor; bf16 may be faster")
        }
        try ThreadsOption.validate(threads)
    }
}

extension Precision: ExpressibleByArgument {}

/// What keys and values are stored as.
enum KVType: String, CaseIterable, ExpressibleByArgument {
    case fp32, bf16, fp8, int8

    var scalar: ScalarType {
        switch self {
        case .fp32: .float32
        case .bf16: .bfloat16
        case .fp8: .float8
        case .int8: .int8
        }
    }
}

/// The cache, for verbs that continue a text.
struct CacheOptions: ParsableArguments {
    @Option(
        name: .customLong("kv-dtype"),
        help: ArgumentHelp(
            "What keys and values are stored as: fp32, bf16, fp8 (e4m3, scaled) or int8. "
                + "(default: fp32 with --precision fp32, else bf16)"))
    var kvType: KVType?

    func type(for precision: Precision) -> ScalarType {
        kvType?.scalar ?? precision.cacheType
    }
}
