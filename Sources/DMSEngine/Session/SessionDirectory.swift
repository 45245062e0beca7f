import DMSCheckpoint

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The few questions to the system about a folder of sessions.
enum SessionDirectory {
    /// A regular file.
    struct File {
        let bytes: Int
        /// When it was written, in seconds since 1970.
        let saved: Int64
    }

    /// The names in a folder, hidden ones included; none where it cannot be read.
    static func names(in path: String) -> [String] { SystemCalls.names(inDirectory: path, hidden: true) ?? [] }

    /// What lies at a path, links not followed; `nil` unless it is a regular file.
    static func file(at path: String) -> File? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        #if canImport(Darwin)
        let time = status.st_mtimespec
        #else
        let time = status.st_mtim
        #endif
        return File(bytes: Int(status.st_size), saved: Int64(time.tv_sec))
    }

    /// Whether a path is a folder.
    static func isFolder(_ path: String, followsLinks: Bool = false) -> Bool {
        var status = stat()
        let result = followsLinks ? stat(path, &status) : lstat(path, &status)
        return result == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes a folder for its owner alone, if there is none.
    ///
    /// - Returns: What the system says against it.
    static func makeFolder(_ path: String, followsLinks: Bool = false) -> String? {
        if mkdir(path, 0o700) == 0 { return nil }
        let reason = String(cString: strerror(errno))
        return isFolder(path, followsLinks: followsLinks) ? nil : reason
    }

    /// - Returns: What the system says against it.
    static func remove(_ path: String) -> String? {
        unlink(path) == 0 ? nil : String(cString: strerror(errno))
    }
}
