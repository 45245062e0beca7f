import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Writes files so that a reader, or a crash at any moment, finds the old file or the new one and nothing between.
///
/// The bytes go to `.<name>.partial-<process>-<number>` in the same directory, are flushed to disk, and then take the
/// name. When anything fails that partial file is removed; one left by a killed process is hidden, never read, and may
/// be deleted. A symbolic link at the path is replaced, its target left alone.
public enum AtomicFile {
    private static let counter = Atomic<Int>(0)

    /// Writes a whole file.
    ///
    /// - Throws: ``CheckpointError`` with the path and the system's reason; the old file, if any, is then unchanged.
    public static func write(_ bytes: [UInt8], to path: String) throws(CheckpointError) {
        try write(to: path) { (output: inout FileOutput) throws(CheckpointError) in try output.append(bytes) }
    }

    /// Writes a file as a stream.
    ///
    /// - Parameters:
    ///   - path: The file to make or replace.
    ///   - permissions: Of the new file, as far as the process's mask allows them.
    ///   - body: Appends the content.
    /// - Throws: What `body` throws, or ``CheckpointError`` with the path and the system's reason; the old file, if
    ///   any, is then unchanged.
    public static func write(
        to path: String, permissions: UInt32 = 0o666, _ body: (inout FileOutput) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let (directory, name) = split(path)
        guard !name.isEmpty, name != ".", name != ".." else {
            throw CheckpointError(file: path, found: "no file name at its end", required: "the path of a file")
        }
        let number = counter.add(1, ordering: .relaxed).newValue
        let partial = "\(directory)/.\(name).partial-\(getpid())-\(number)"
        // The number is unique in this process, so a file of that name is the remnant of a dead process.
        unlink(partial)
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(permissions))
        guard descriptor >= 0 else {
            throw failure(path, "creating a file beside it", "a writable directory")
        }
        do throws(CheckpointError) {
            try fill(descriptor, path: path, body)
            guard rename(partial, path) == 0 else { throw failure(path, "renaming into place", "a replaceable file") }
        } catch {
            unlink(partial)
            throw error
        }
        try synchronize(directory: directory, path: path)
    }

    private static func fill(
        _ descriptor: Int32, path: String, _ body: (inout FileOutput) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        var isOpen = true
        defer { if isOpen { close(descriptor) } }
        var output = FileOutput(descriptor: descriptor, path: path)
        try body(&output)
        try output.flush()
        guard fsync(descriptor) == 0 else { throw failure(path, "flushing to disk", "room for the whole file") }
        isOpen = false
        guard close(descriptor) == 0 else { throw failure(path, "closing", "room for the whole file") }
    }

    /// Makes a new name in a directory survive a power failure.
    ///
    /// - Parameter path: What the name is of, for the error.
    package static func synchronize(directory: String, path: String) throws(CheckpointError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path, "opening its directory", "a readable directory") }
        defer { close(descriptor) }
        // Some file systems cannot flush a directory and say so with EINVAL; there is nothing more to be done there.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw failure(path, "flushing its directory to disk", "a directory that can be flushed")
        }
    }

    private static func failure(_ path: String, _ action: String, _ required: String) -> CheckpointError {
        CheckpointError(file: path, found: "\(SystemCalls.errorText()) while \(action)", required: required)
    }

    private static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        return (String(path[..<slash]), String(path[path.utf8.index(after: slash)...]))
    }
}
