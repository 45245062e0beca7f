public import DMSTensor

/// What the machine can do at best, measured: the yardstick for every speed.
public struct MachineCeilings: Sendable, Hashable {
    /// What a number of threads reach together.
    public struct Rates: Sendable, Hashable {
        /// Bytes per second read from a buffer larger than any cache.
        public var readBandwidth = 0.0
        /// Multiplications and additions per second, from registers.
        public var fp32Operations = 0.0
        /// The same for BF16 products with FP32 sums.
        public var bf16Operations = 0.0
        /// The same for 8-bit products of vectors with 32-bit integer sums, or for FP32 where the kernels have none.
        public var int8Operations = 0.0

        /// Operations per second of a precision.
        public func operations(_ precision: Precision) -> Double {
            switch precision {
            case .fp32: fp32Operations
            case .bf16: bf16Operations
            case .int8: int8Operations
            }
        }

        mutating func raise(to other: Rates) {
            readBandwidth = max(readBandwidth, other.readBandwidth)
            fp32Operations = max(fp32Operations, other.fp32Operations)
            bf16Operations = max(bf16Operations, other.bf16Operations)
            int8Operations = max(int8Operations, other.int8Operations)
        }
    }

    /// Of one thread.
    public var oneThread = Rates()
    /// Of all threads together.
    public var allThreads = Rates()
    /// How many ``allThreads`` are.
    public var threads = 1
}

/// Measures the ceilings of this machine, again and again, and keeps the best.
///
/// Shared machines drift by the minute: measure before, between and after whatever is to be compared with them.
public struct CeilingMeter {
    /// The best so far.
    public private(set) var ceilings = MachineCeilings()

    /// More than the last-level cache of the processors we know of.
    public static let bufferBytes = 1 << 30
    /// Some hundredths of a second per measurement with vector instructions.
    private static let multiplyAddsPerThread = 1 << 30

    /// Nothing measured yet, with so many threads.
    public init(threads: Int) { ceilings.threads = threads }

    /// Measures everything `repetitions` times; a fraction of a second each.
    ///
    /// Threads and memory are given back at the end, so that they disturb nothing that runs between.
    ///
    /// - Throws: `KernelError` when the threads cannot be started, `MemoryError` without a gigabyte to read.
    public mutating func measure(repetitions: Int = 2) throws {
        let memory = try HostBuffer(byteCount: Self.bufferBytes)
        // Untouched pages all lie at one physical page, which fits in any cache.
        memory.pointer.initializeMemory(as: UInt64.self, repeating: 0x3C00_3C00_3C00_3C00, count: Self.bufferBytes / 8)
        for _ in 0..<repetitions {
            try improve(\.oneThread, threads: 1, memory)
            try improve(\.allThreads, threads: ceilings.threads, memory)
        }
        // What one thread reaches, several can reach; on a busy machine they may not have been given the chance.
        ceilings.allThreads.raise(to: ceilings.oneThread)
    }

    private mutating func improve(
        _ part: WritableKeyPath<MachineCeilings, MachineCeilings.Rates>, threads: Int, _ memory: HostBuffer
    ) throws {
        let kernels = try CPUKernels(threads: threads)
        let rates = MachineCeilings.Rates(
            readBandwidth: kernels.measureReadBandwidth(memory),
            fp32Operations: kernels.measureArithmetic(.fp32, multiplyAddsPerThread: Self.multiplyAddsPerThread),
            bf16Operations: kernels.measureArithmetic(.bf16, multiplyAddsPerThread: Self.multiplyAddsPerThread),
            int8Operations: kernels.measureArithmetic(.int8, multiplyAddsPerThread: Self.multiplyAddsPerThread))
        ceilings[keyPath: part].raise(to: rates)
    }
}
