import DMSCheckpoint

/// What lies about in a folder: remnants of writers and of downloads.
struct FolderCheck {
    let findings: [Finding]

    init(_ folder: ModelFolder) {
        findings = folder.names.compactMap { name in
            guard let kind = Self.remnant(name) else { return nil }
            return Finding(
                .warning, .folder, file: name, found: kind, required: "only whole files",
                advice: "delete it, unless a process is writing it now")
        }
    }

    private static func remnant(_ name: String) -> String? {
        if name.contains(".partial") { return "what a writer left that did not end" }
        let endings = [".incomplete", ".part", ".download", ".crdownload", ".aria2", ".tmp"]
        return endings.contains { name.hasSuffix($0) } ? "what a download left that did not end" : nil
    }
}
