#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A lock that other processes respect, the hub's own tools among them; the system ends it with the process.
struct FileLock: ~Copyable {
    private let descriptor: Int32

    /// Waits for a lock.
    ///
    /// - Parameters:
    ///   - path: A file, which is made, or a folder, which must be there.
    ///   - isFolder: Which of them it is.
    ///   - waiting: Called once, when another holds it.
    static func acquire(_ path: String, isFolder: Bool = false, waiting: () -> Void) async throws -> FileLock {
        var hasWaited = false
        while true {
            if let lock = try FileLock(path, isFolder: isFolder) { return lock }
            if !hasWaited { waiting() }
            hasWaited = true
            // Sleeping instead of waiting in the system: that would keep a thread that other files need.
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// - Returns: `nil` when another holds it.
    private init?(_ path: String, isFolder: Bool) throws(HubError) {
        let flags = isFolder ? O_RDONLY | O_DIRECTORY : O_RDWR | O_CREAT
        let opened = open(path, flags | O_CLOEXEC, 0o666)
        guard opened >= 0 else { throw FileSystem.failure(path, "opening the lock", "a file that can be written") }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let isHeld = errno == EWOULDBLOCK || errno == EINTR
            let error = FileSystem.failure(path, "locking", "a file system with locks")
            close(opened)
            if isHeld { return nil }
            throw error
        }
        // Some tools remove a lock when they have done; whoever waited for it would hold one that nobody sees.
        var held = stat()
        var named = stat()
        guard fstat(opened, &held) == 0, stat(path, &named) == 0, held.st_ino == named.st_ino,
            held.st_dev == named.st_dev
        else {
            close(opened)
            return nil
        }
        descriptor = opened
    }

    deinit { close(descriptor) }
}
