import DMSCheckpoint

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The checkpoint that comes with `dms`: it knows the recall task and evicts seven of eight tokens.
///
/// It lies in a folder of resources beside the executable; copies of the executable need a copy of that folder.
enum ShippedModel {
    /// The folder of the model.
    ///
    /// - Throws: `CheckpointError` naming where it was looked for.
    static func path() throws(CheckpointError) -> String {
        let folder = executableFolder()
        // Swift's package manager names the folder so; it differs between systems.
        let candidates = [
            folder + "/swift-dms_dms.resources/recall-8x", folder + "/swift-dms_dms.bundle/recall-8x",
            folder + "/swift-dms_dms.bundle/Contents/Resources/recall-8x",
        ]
        for candidate in candidates where access(candidate + "/config.json", R_OK) == 0 { return candidate }
        throw CheckpointError(
            file: candidates[0], found: String(cString: strerror(ENOENT)),
            required: "the model that is built beside the executable, or --model with another one")
    }

    private static func executableFolder() -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        #if canImport(Darwin)
        var capacity = UInt32(path.count)
        let isKnown = _NSGetExecutablePath(&path, &capacity) == 0
        #else
        let isKnown = readlink("/proc/self/exe", &path, path.count - 1) > 0
        #endif
        let bytes = isKnown ? path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) } : []
        let text = String(decoding: bytes, as: UTF8.self)
        return text.lastIndex(of: "/").map { String(text[..<$0]) } ?? "."
    }
}
