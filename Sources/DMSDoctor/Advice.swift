import DMSCheckpoint

/// What can be done about what was found, in words that more than one check uses.
enum Advice {
    static let fetch = "fetch the file again ('dms pull OWNER/NAME'), or copy it from where it is whole"
    static let lfs = "run \"git lfs pull\" in the clone, or 'dms pull OWNER/NAME'"
    static let correct = "correct it by what wrote the checkpoint, or by the model's page"
    static let convert = "save the model again with the tool that wrote it"
    static let complete = "if you know how the gates were trained: --fix-metadata --profile fastdms|nvidia"

    /// For a file that cannot be read for what it should be.
    static func forFile(_ error: CheckpointError) -> String {
        error.found.contains("Git LFS pointer") ? lfs : fetch
    }
}
