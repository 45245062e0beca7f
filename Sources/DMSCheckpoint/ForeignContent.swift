/// What is often found under the name of a file of a checkpoint instead of that file.
package enum ForeignContent {
    /// What bytes begin like, in words; `nil` for what may be JSON or safetensors.
    package static func kind(of bytes: UnsafeRawBufferPointer) -> String? {
        if bytes.starts(with: "version https://git-lfs".utf8) {
            return "a Git LFS pointer in place of the file (fetch it with \"git lfs pull\")"
        }
        if bytes.starts(with: "GGUF".utf8) { return "a GGUF file" }
        if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return "a ZIP archive (perhaps PyTorch's)" }
        if isPage(bytes) { return "an HTML page (perhaps what a server says in place of the file)" }
        return nil
    }

    private static func isPage(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let space: Set<UInt8> = [0x09, 0x0A, 0x0D, 0x20]
        let start = bytes.prefix(256).drop { space.contains($0) }
        let text = String(decoding: start.prefix(16), as: UTF8.self).lowercased()
        return text.hasPrefix("<!doctype html") || text.hasPrefix("<html")
    }
}
