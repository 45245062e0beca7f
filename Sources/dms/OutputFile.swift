import DMSCheckpoint

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where a command is to write.
enum OutputFile {
    /// Asked first, so that a folder that cannot be written to is not found out after an hour.
    static func requireWritable(_ path: String) throws(CheckpointError) {
        let folder = path.lastIndex(of: "/").map { path[..<$0].isEmpty ? "/" : String(path[..<$0]) } ?? "."
        guard access(folder, W_OK) == 0 else {
            throw CheckpointError(
                file: path, found: String(cString: strerror(errno)), required: "a folder that can be written to")
        }
    }

    /// Whether two paths lead to one thing that is there.
    static func isSame(_ first: String, _ second: String) -> Bool {
        var one = stat(), other = stat()
        return stat(first, &one) == 0 && stat(second, &other) == 0 && one.st_dev == other.st_dev
            && one.st_ino == other.st_ino
    }

    /// Makes a folder in one that is there; one that is there already is fine.
    static func makeFolder(_ path: String) throws(CheckpointError) {
        guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
            throw CheckpointError(
                file: path, found: String(cString: strerror(errno)), required: "a folder that can be made")
        }
        try requireWritable(path + "/file")
    }
}
