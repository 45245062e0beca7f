#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A buffered stream of bytes into a file that is being written.
///
/// ``AtomicFile`` hands it out.
public struct FileOutput: ~Copyable {
    private static let capacity = 1 << 18

    private let descriptor: Int32
    /// The path that errors name: the file being replaced, not the temporary one.
    private let path: String
    private var buffer: [UInt8] = []
    /// The bytes appended so far.
    public private(set) var count = 0

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Appends bytes.
    ///
    /// - Throws: ``CheckpointError`` when the system refuses them, as on a full disk.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
        count += bytes.count
        if buffer.count + bytes.count > Self.capacity { try flush() }
        if bytes.count >= Self.capacity {
            try write(bytes)
        } else {
            buffer.append(contentsOf: bytes)
        }
    }

    /// Appends bytes.
    ///
    /// - Throws: ``CheckpointError`` when the system refuses them, as on a full disk.
    public mutating func append(_ bytes: [UInt8]) throws(CheckpointError) {
        count += bytes.count
        buffer.append(contentsOf: bytes)
        if buffer.count > Self.capacity { try flush() }
    }

    /// Hands everything appended so far to the system.
    mutating func flush() throws(CheckpointError) {
        let pending = buffer
        buffer.removeAll(keepingCapacity: false)
        try pending.withUnsafeBufferPointer { (bytes) throws(CheckpointError) in
            try write(UnsafeRawBufferPointer(bytes))
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
        var rest = bytes
        while !rest.isEmpty {
            // Some systems refuse single writes of 2 GiB and more.
            let written = systemWrite(descriptor, rest.baseAddress, min(rest.count, 1 << 30))
            if written < 0 {
                if errno == EINTR { continue }
                throw CheckpointError(
                    file: path, found: "\(SystemCalls.errorText()) while writing", required: "room for the whole file")
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }
}

/// The system's `write`, which a method of the same name hides.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
