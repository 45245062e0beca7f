#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The few calls that the cache needs, with errors that name the path.
enum FileSystem {
    /// Call it directly after the call that failed.
    static func failure(_ path: String, _ action: String, _ required: String) -> HubError {
        let reason = String(cString: strerror(errno))
        return HubError(.disk, path, found: "\(reason) while \(action)", required: required)
    }

    /// Makes a folder and those above it, as far as they are not there.
    static func makeFolder(_ path: String) throws(HubError) {
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            prefix += "/\(part)"
            if mkdir(prefix, 0o777) != 0, errno != EEXIST { throw failure(prefix, "making a folder", "a place for it") }
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw HubError(.disk, path, found: "something else", required: "a folder, or the place for one")
        }
    }

    /// The folder that a path lies in.
    static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    /// The length of a regular file, links followed; `nil` where there is none.
    static func length(of path: String) -> Int? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }

    static func rename(_ path: String, to target: String) throws(HubError) {
        guard systemRename(path, target) == 0 else {
            throw failure(target, "renaming into place", "a place for the file")
        }
    }

    /// Removes a file, if it is there.
    static func remove(_ path: String) throws(HubError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw failure(path, "removing", "a file that can be removed")
        }
    }

    /// Removes a folder, if it is there and empty.
    static func removeFolder(_ path: String) { _ = rmdir(path) }

    /// Makes a symbolic link, in place of whatever has its name, so that there is never none.
    static func link(_ path: String, to target: String) throws(HubError) {
        if readLink(path) == target { return }
        let beside = "\(parent(of: path))/.\(getpid()).\(path.split(separator: "/").last ?? "")"
        try remove(beside)
        guard symlink(target, beside) == 0 else { throw failure(path, "linking", "a file system with symbolic links") }
        try rename(beside, to: path)
    }

    /// Makes an empty file, if it is not there.
    static func touch(_ path: String) throws(HubError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure(path, "making a file", "a place for it") }
        close(descriptor)
    }

    /// Bytes that this user may still write where a folder is.
    static func freeBytes(at path: String) -> Int? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        let (bytes, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        return overflow ? nil : bytes
    }

    private static func readLink(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 1024)
        let count = readlink(path, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// The system's `rename`, which a method of the same name hides.
private func systemRename(_ path: String, _ target: String) -> Int32 { rename(path, target) }
