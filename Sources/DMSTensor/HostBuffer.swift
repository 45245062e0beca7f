#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Owned, zeroed, page-aligned host memory that several readers may share.
///
/// Large buffers ask for huge pages, which a stream through weights or a cache profits from.
public final class HostBuffer: @unchecked Sendable {
    // Invariant for Sendable: whoever writes through `pointer` owns the buffer alone at that time; shared buffers
    // (weights) are written before they are shared and only read afterwards.

    /// The memory, at least 64-byte aligned.
    public let pointer: UnsafeMutableRawPointer
    /// Its size as asked for.
    public let byteCount: Int
    private let mappedByteCount: Int
    #if canImport(Glibc)
    /// `MADV_HUGEPAGE` of Linux, which the C library's module does not export.
    private static let hugePageAdvice: Int32 = 14
    #endif

    /// - Throws: ``MemoryError`` when the system has no such memory to give.
    public init(byteCount: Int) throws(MemoryError) {
        precondition(byteCount >= 0, "a buffer of \(byteCount) bytes")
        let pageSize = 4096
        let rounded = max(pageSize, (byteCount + pageSize - 1) / pageSize * pageSize)
        guard
            let address = mmap(nil, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            address != MAP_FAILED
        else {
            throw MemoryError(requestedBytes: byteCount, reason: String(cString: strerror(errno)))
        }
        #if canImport(Glibc)
        if rounded >= 4 << 20 { madvise(address, rounded, Self.hugePageAdvice) }
        #endif
        pointer = address
        self.byteCount = byteCount
        mappedByteCount = rounded
    }

    deinit { munmap(pointer, mappedByteCount) }
}

/// Memory was asked for that the system does not have.
public struct MemoryError: Error, Sendable, Equatable, CustomStringConvertible {
    /// How much was asked for.
    public let requestedBytes: Int
    /// What the system answered.
    public let reason: String

    /// Memory that the system did not give, and its reason.
    public init(requestedBytes: Int, reason: String) {
        self.requestedBytes = requestedBytes
        self.reason = reason
    }

    public var description: String { "cannot allocate \(requestedBytes) bytes: \(reason)" }
}
