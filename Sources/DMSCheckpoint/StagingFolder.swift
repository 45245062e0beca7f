#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A folder that is being filled, hidden beside the place that it will take.
package final class StagingFolder {
    /// Where it is filled.
    package let path: String
    private let destination: String
    private var isFinished = false

    /// - Throws: `CheckpointError` when something stands at the destination, or the folder cannot be made.
    package init(for destination: String) throws(CheckpointError) {
        guard !MappedFile.exists(path: destination) else {
            throw CheckpointError(
                file: destination, found: "a file or folder of that name", required: "a new folder in one that exists")
        }
        let parts = destination.split(separator: "/", omittingEmptySubsequences: false)
        let parent = parts.dropLast().joined(separator: "/")
        let prefix = parts.count == 1 ? "" : parent + "/"
        path = "\(prefix).\(parts.last ?? "").partial-\(getpid())"
        self.destination = destination
        if MappedFile.exists(path: path) {
            // Of a process that had this number and was killed.
            Self.remove(path)
        }
        guard mkdir(path, 0o777) == 0 else {
            throw CheckpointError(
                file: destination, found: String(cString: strerror(errno)), required: "a new folder in one that exists")
        }
    }

    /// Gives the folder its name, which survives a power failure then.
    ///
    /// - Throws: `CheckpointError` when the name has been taken meanwhile.
    package func finish() throws(CheckpointError) {
        guard rename(path, destination) == 0 else {
            throw CheckpointError(
                file: destination, found: String(cString: strerror(errno)), required: "a name that is free")
        }
        isFinished = true
        let parent = destination.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let isRoot = parent.count == 1 && destination.hasPrefix("/")
        let directory = isRoot ? "/" : parent.isEmpty ? "." : parent.joined(separator: "/")
        try AtomicFile.synchronize(directory: directory, path: destination)
    }

    deinit {
        if !isFinished { Self.remove(path) }
    }

    private static func remove(_ path: String) {
        for name in SystemCalls.names(inDirectory: path, hidden: true) ?? [] { unlink(path + "/" + name) }
        rmdir(path)
    }
}
