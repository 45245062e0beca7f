#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A regular file mapped read-only into memory for the life of this object.
///
/// Pages are read from disk when they are first touched. Nothing may shorten the file meanwhile: touching a page
/// beyond a new end kills the process, as with every memory mapping. Files this package writes are replaced by
/// renaming, never changed in place, so a mapping of one stays whole.
///
/// `@unchecked Sendable`: the mapping is read-only, made in `init` and undone only in `deinit`.
public final class MappedFile: @unchecked Sendable {
    /// The path, as given.
    public let path: String
    /// The whole file; empty for an empty file.
    ///
    /// Valid while this object lives, and Swift may release a local reference right after its last use: code that
    /// holds no other reference uses ``withBytes(_:)``.
    let bytes: UnsafeRawBufferPointer

    /// Opens and maps a file.
    ///
    /// - Parameter followsLinks: Whether the path may be a symbolic link.
    /// - Throws: ``CheckpointError`` when the path cannot be opened or is not a regular file.
    public init(path: String, followsLinks: Bool = true) throws(CheckpointError) {
        self.path = path
        // O_NONBLOCK: opening a named pipe must fail below, not wait for a writer.
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (followsLinks ? 0 : O_NOFOLLOW)
        let descriptor = open(path, flags)
        guard descriptor >= 0 else {
            throw CheckpointError(file: path, found: SystemCalls.errorText(), required: "a readable file")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw CheckpointError(file: path, found: SystemCalls.errorText(), required: "a readable file")
        }
        guard SystemCalls.kind(of: status) == .regular else {
            let kind = SystemCalls.kind(of: status) == .directory ? "a directory" : "a special file"
            throw CheckpointError(file: path, found: kind, required: "a regular file")
        }
        let count = Int(status.st_size)
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let address, address != MAP_FAILED else {
            throw CheckpointError(
                file: path, found: SystemCalls.errorText(), required: "a mapping of its \(count) bytes into memory")
        }
        bytes = UnsafeRawBufferPointer(start: address, count: count)
    }

    /// Whether anything is at a path, links followed.
    public static func exists(path: String) -> Bool { SystemCalls.kind(ofPath: path) != nil }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }

    /// Lends the whole file, empty for an empty file, for the time of a call.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(bytes)
    }

    /// A copy of a small file's bytes.
    ///
    /// - Throws: ``CheckpointError`` also when the file is longer than `limit` bytes.
    public static func contents(ofPath path: String, limit: Int) throws(CheckpointError) -> [UInt8] {
        let file = try MappedFile(path: path)
        guard file.bytes.count <= limit else {
            throw CheckpointError(file: path, found: "\(file.bytes.count) bytes", required: "at most \(limit) bytes")
        }
        return file.withBytes { Array($0) }
    }
}
