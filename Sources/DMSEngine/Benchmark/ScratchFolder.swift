import DMSCheckpoint

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// An empty folder where the system keeps what nobody needs for long; it goes with its owner.
struct ScratchFolder: ~Copyable {
    let path: String

    /// - Throws: `CheckpointError` where there can be none.
    init() throws(CheckpointError) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/dms-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CheckpointError(
                file: parent, found: String(cString: strerror(errno)), required: "a folder that can be written to")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { rmdir(path) }

    /// Takes a file's name away; whoever has mapped it still reads it.
    func removeName(of file: String) { unlink(file) }
}
