import DMSCheckpoint

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Folders and files of a training run.
enum Directory {
    /// Makes a folder and those above it; one that is there is fine.
    ///
    /// - Throws: `CheckpointError` with the path and the system's reason.
    static func make(_ path: String) throws(CheckpointError) {
        if isDirectory(path) { return }
        if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex {
            try make(String(path[..<slash]))
        }
        guard mkdir(path, 0o777) == 0 || errno == EEXIST, isDirectory(path) else {
            throw CheckpointError(
                file: path, found: String(cString: strerror(errno)), required: "a folder that can be made")
        }
    }

    static func isFile(_ path: String) -> Bool { kind(path) == S_IFREG }
    static func isDirectory(_ path: String) -> Bool { kind(path) == S_IFDIR }

    /// Removes a file, if it is there.
    static func remove(_ path: String) { unlink(path) }

    private static func kind(_ path: String) -> mode_t? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return status.st_mode & S_IFMT
    }
}
