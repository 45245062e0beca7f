#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A file that grows at its end while it is fetched.
struct PartialFile: ~Copyable {
    private let descriptor: Int32
    private let path: String
    /// Its length in bytes.
    private(set) var count: Int

    /// Opens what is there, or makes it.
    init(path: String) throws(HubError) {
        let opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard opened >= 0 else { throw FileSystem.failure(path, "opening", "a file that can be written") }
        var status = stat()
        guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            let error = FileSystem.failure(path, "opening", "a regular file")
            close(opened)
            throw error
        }
        descriptor = opened
        self.path = path
        count = Int(status.st_size)
    }

    deinit { close(descriptor) }

    mutating func append(_ bytes: [UInt8]) throws(HubError) {
        var written = 0
        while written < bytes.count {
            let result = bytes.withUnsafeBytes { rest in
                write(descriptor, rest.baseAddress.map { $0 + written }, rest.count - written)
            }
            if result < 0, errno == EINTR { continue }
            guard result > 0 else {
                throw FileSystem.failure(
                    path, "writing", "room on the disk; what has arrived is kept, and the same command goes on")
            }
            written += result
            count += result
        }
    }

    /// Drops everything.
    mutating func clear() throws(HubError) {
        guard ftruncate(descriptor, 0) == 0 else {
            throw FileSystem.failure(path, "emptying", "a file that can be written")
        }
        count = 0
    }

    /// Makes what was written survive a power failure.
    func synchronize() throws(HubError) {
        guard fsync(descriptor) == 0 else { throw FileSystem.failure(path, "flushing to disk", "room on the disk") }
    }
}
