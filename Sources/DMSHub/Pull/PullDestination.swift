import DMSCheckpoint

/// Where files wait until all are there, and how they then become a folder that a model is loaded from.
///
/// Whatever is killed when, that folder never looks complete before it is: weights are put into it last.
enum PullDestination: Sendable {
    /// The cache that the hub's own tools share.
    case cache(CacheLayout)
    /// A plain folder.
    case folder(String)

    /// The folder that will hold the model.
    func path(commit: String) -> String {
        switch self {
        case .cache(let layout): layout.snapshot(commit)
        case .folder(let path): path
        }
    }

    /// A file that is whole and verified.
    func blob(_ file: HubFile) -> String {
        switch self {
        case .cache(let layout): layout.blob(file.digest)
        // Two files may have the same content, and each is moved away.
        case .folder(let path): "\(Self.waiting(path))/\(file.name).\(file.digest.hexadecimal)"
        }
    }

    func partial(_ file: HubFile) -> String { blob(file) + ".incomplete" }

    /// Makes the folders that files wait in.
    func prepare() throws(HubError) {
        switch self {
        case .cache(let layout): try FileSystem.makeFolder(layout.blobs)
        case .folder(let path): try FileSystem.makeFolder(Self.waiting(path))
        }
    }

    /// The place whose free bytes count.
    var disk: String {
        switch self {
        case .cache(let layout): layout.blobs
        case .folder(let path): path
        }
    }

    /// Where a file is already as it should be; `nil` if it has to be fetched.
    ///
    /// - Throws: ``HubError`` when a plain folder has another file of that name: it may be somebody's work.
    func present(_ file: HubFile) throws -> String? {
        let blob = blob(file)
        // What has this name was verified by whoever gave it.
        if FileSystem.length(of: blob) == file.size { return blob }
        guard case .folder(let folder) = self else { return nil }
        let path = "\(folder)/\(file.name)"
        guard let length = FileSystem.length(of: path) else { return nil }
        let isSame =
            try length == file.size
            && file.digest == MappedFile(path: path).withBytes { file.digest.same(of: $0) }
        guard isSame else {
            throw HubError(
                .disk, path, found: "another file of that name",
                required: "a new folder, or what an earlier pull of the same files left")
        }
        return path
    }

    /// Puts files into the model's folder.
    ///
    /// - Parameter files: All of them, weights last.
    func publish(_ files: [HubFile], listing: HubListing, reference: HubReference) throws {
        switch self {
        case .cache(let layout): try Self.publish(files, listing, reference, in: layout)
        case .folder(let folder):
            for file in files where FileSystem.length(of: blob(file)) != nil {
                try FileSystem.rename(blob(file), to: "\(folder)/\(file.name)")
            }
            // What is left there belongs to other commits, and nobody else is here while the folder is locked.
            for name in SystemCalls.names(inDirectory: Self.waiting(folder), hidden: true) ?? [] {
                try FileSystem.remove("\(Self.waiting(folder))/\(name)")
            }
            FileSystem.removeFolder(Self.waiting(folder))
            try AtomicFile.synchronize(directory: folder, path: folder)
        }
    }

    private static func publish(
        _ files: [HubFile], _ listing: HubListing, _ reference: HubReference, in layout: CacheLayout
    ) throws {
        let snapshot = layout.snapshot(listing.commit)
        try FileSystem.makeFolder(snapshot)
        let names = Set(listing.entries.map(\.name))
        for name in CheckpointFiles.decisive where !names.contains(name) {
            let mark = layout.absence(of: name, in: listing.commit)
            try FileSystem.makeFolder(FileSystem.parent(of: mark))
            try FileSystem.touch(mark)
        }
        for file in files {
            try FileSystem.link("\(snapshot)/\(file.name)", to: CacheLayout.linkTarget(file.digest))
        }
        try AtomicFile.synchronize(directory: snapshot, path: snapshot)
        guard !reference.isCommit else { return }
        let path = layout.reference(reference.revision)
        try FileSystem.makeFolder(FileSystem.parent(of: path))
        try AtomicFile.write(Array(listing.commit.utf8), to: path)
    }

    private static func waiting(_ folder: String) -> String { folder + "/.dms-pull" }
}
