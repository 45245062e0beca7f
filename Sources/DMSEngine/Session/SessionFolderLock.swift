public import DMSCheckpoint

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A process's sole use of a folder of sessions, while this value lives; the system ends it with the process, however
/// that ends.
///
/// Limits hold for a folder only where one process writes to it.
public final class SessionFolderLock: Sendable {
    private let descriptor: Int32

    /// Makes the folder if there is none, and removes what processes that were killed left half-written.
    ///
    /// - Throws: `CheckpointError` when the folder cannot be made or another process uses it.
    public init(path: String) throws(CheckpointError) {
        if let reason = SessionDirectory.makeFolder(path, followsLinks: true) {
            throw CheckpointError(file: path, found: reason, required: "a folder, or the place for one")
        }
        let file = path + "/.lock"
        let opened = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else {
            throw CheckpointError(
                file: file, found: String(cString: strerror(errno)), required: "a folder that can be written to")
        }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            close(opened)
            throw CheckpointError(
                file: path, found: "another process that uses it", required: "a folder of its own for every server")
        }
        descriptor = opened
        Self.removeRemains(in: path)
        for name in SessionDirectory.names(in: path) where SessionDirectory.isFolder("\(path)/\(name)") {
            Self.removeRemains(in: "\(path)/\(name)")
        }
    }

    deinit { close(descriptor) }

    /// Names as `AtomicFile` gives them to files that are not finished.
    private static func removeRemains(in path: String) {
        for name in SessionDirectory.names(in: path)
        where name.hasPrefix(".") && name.contains("\(SessionFolder.suffix).partial-") {
            _ = SessionDirectory.remove("\(path)/\(name)")
        }
    }
}
