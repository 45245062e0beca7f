import CDMSKernels

/// The CPU backend: the C kernels and their thread pool.
public final class CPUKernels: InferenceKernels, @unchecked Sendable {
    // Invariant for Sendable: the context and the scratch memory are used by one caller at a time, as the protocol
    // demands; `claim` traps where that is broken.

    /// Which version of the kernels runs.
    public struct InstructionSet: Sendable, Hashable, CaseIterable, CustomStringConvertible {
        let value: dms_isa

        /// Plain C, on every processor.
        public static let portable = InstructionSet(value: DMS_ISA_PORTABLE)
        /// AArch64.
        public static let neon = InstructionSet(value: DMS_ISA_NEON)
        /// x86-64 with AVX2 and FMA.
        public static let avx2 = InstructionSet(value: DMS_ISA_AVX2)
        /// The same with AVX-VNNI, for products of integers.
        public static let avx2VNNI = InstructionSet(value: DMS_ISA_AVX2_VNNI)
        /// x86-64 with AVX-512.
        public static let avx512 = InstructionSet(value: DMS_ISA_AVX512)
        /// x86-64 with AVX-512 and its BF16 dot products.
        public static let avx512BF16 = InstructionSet(value: DMS_ISA_AVX512_BF16)
        /// The same, and matrix tiles of BF16 for linear layers.
        public static let amx = InstructionSet(value: DMS_ISA_AMX)
        public static let allCases: [InstructionSet] = [
            .portable, .neon, .avx2, .avx2VNNI, .avx512, .avx512BF16, .amx,
        ]

        /// The fastest that this processor runs.
        public static var best: InstructionSet { InstructionSet(value: dms_isa_best()) }
        /// Whether this processor runs it.
        public var isAvailable: Bool { dms_isa_available(value) != 0 }
        /// Whether products of ``Precision/int8`` are faster than others, and not only as right.
        public var multipliesIntegers: Bool { ![.portable, .neon].contains(self) }
        public var description: String { String(cString: dms_isa_name(value)) }

        public static func == (left: Self, right: Self) -> Bool { left.value.rawValue == right.value.rawValue }
        public func hash(into hasher: inout Hasher) { hasher.combine(value.rawValue) }
    }

    let context: OpaquePointer
    /// The version that runs.
    public let instructionSet: InstructionSet
    /// Threads that compute, the caller's included.
    public let threads: Int
    private var scratch: HostBuffer?
    private var lists: HostBuffer?

    /// - Parameters:
    ///   - threads: Threads that compute, the caller's included; `nil` takes ``processorCount``.
    ///   - instructionSet: The version to run; `nil` takes the fastest.
    /// - Throws: ``KernelError`` when the version is not available here or a thread cannot be started.
    public init(threads: Int? = nil, instructionSet: InstructionSet? = nil) throws(KernelError) {
        let set = instructionSet ?? .best
        let count = threads ?? Self.processorCount
        guard (1...1024).contains(count) else {
            throw KernelError("threads: found \(count), required 1 to 1024")
        }
        guard set.isAvailable else { throw KernelError("this processor does not run the \(set) kernels") }
        guard let context = dms_context_new(set.value, Int32(count)) else {
            throw KernelError("cannot start \(count) threads")
        }
        self.context = context
        self.instructionSet = set
        self.threads = count
    }

    deinit { dms_context_free(context) }

    public var name: String { "cpu \(instructionSet), \(threads) thread\(threads == 1 ? "" : "s")" }

    /// Processors that this process may use: those online, less what its affinity and, on Linux, the CPU quota of its
    /// control group take away.
    public static var processorCount: Int { AvailableProcessors.count }

    /// Scratch memory of at least `byteCount` bytes, kept from call to call.
    ///
    /// - Throws: ``MemoryError`` when the system has no such memory; what was there before stays.
    func reservedScratch(_ byteCount: Int) throws(MemoryError) -> (UnsafeMutableRawPointer?, Int) {
        if byteCount == 0 { return (nil, 0) }
        if let scratch, scratch.byteCount >= byteCount { return (scratch.pointer, scratch.byteCount) }
        let grown = try Self.roomyBuffer(byteCount)
        scratch = grown
        return (grown.pointer, grown.byteCount)
    }

    /// The same beside it, for lists that an attention call is given.
    func reservedLists(_ byteCount: Int) throws(MemoryError) -> UnsafeMutableRawPointer {
        if let lists, lists.byteCount >= byteCount { return lists.pointer }
        let grown = try Self.roomyBuffer(byteCount)
        lists = grown
        return grown.pointer
    }

    /// A quarter larger than asked for, so that a context which lengthens token by token does not reallocate at each.
    private static func roomyBuffer(_ byteCount: Int) throws(MemoryError) -> HostBuffer {
        do throws(MemoryError) {
            return try HostBuffer(byteCount: byteCount + min(byteCount / 4, 1 << 30))
        } catch {
            return try HostBuffer(byteCount: byteCount)
        }
    }

    /// The same for operations that do not throw, because what they need has been reserved.
    func scratch(_ byteCount: Int) -> (UnsafeMutableRawPointer?, Int) {
        do throws(MemoryError) {
            return try reservedScratch(byteCount)
        } catch {
            fatalError("kernel scratch was not reserved, and now: \(error)")
        }
    }
}

/// A backend could not be set up.
public struct KernelError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    /// What could not be set up, in words.
    public init(_ description: String) { self.description = description }
}
