/// The content of a checkpoint's weight files in one number, so that metadata cannot be paired with other weights.
///
/// For weights in one file it is the SHA-256 of that file. For weights in shards it is the SHA-256 of the shards'
/// digests, each as 64 lower-case hexadecimal digits, one after the other in the order of the file names:
///
///     sha256sum model.safetensors
///     sha256sum model-*.safetensors | cut -c1-64 | tr -d '\n' | sha256sum
public struct WeightsDigest: Sendable, Hashable {
    /// The digest in lower-case hexadecimal.
    public let sha256: String
    /// The length of all files together.
    public let byteCount: Int

    /// Reads all weight files of a directory: `model.safetensors`, or the shards of `model.safetensors.index.json`.
    ///
    /// - Throws: ``CheckpointError`` for a file that cannot be read.
    public init(directory: String) throws(CheckpointError) {
        self.init(files: try Self.files(in: directory), isSharded: Self.isSharded(directory))
    }

    init(files: [MappedFile], isSharded: Bool) {
        byteCount = Self.byteCount(of: files)
        let digests = withExtendedLifetime(files) {
            SHA256.hexDigests(of: files.map(\.bytes), threads: SystemCalls.processorCount)
        }
        sha256 = Self.combined(digests, isSharded: isSharded)
    }

    /// Of files that somebody else has hashed.
    ///
    /// - Parameter fileDigests: Not empty, in the order of the file names, in lower-case hexadecimal.
    package init(fileDigests: [String], byteCount: Int, isSharded: Bool) {
        self.byteCount = byteCount
        sha256 = Self.combined(fileDigests, isSharded: isSharded)
    }

    private static func combined(_ digests: [String], isSharded: Bool) -> String {
        isSharded ? SHA256.hexDigest(of: digests.joined()) : digests[0]
    }

    /// The length of a directory's weights, which are not read.
    package static func byteCount(inDirectory path: String) throws(CheckpointError) -> Int {
        byteCount(of: try files(in: path))
    }

    /// The weight files, sorted by name, mapped but not read.
    static func files(in directory: String) throws(CheckpointError) -> [MappedFile] {
        guard isSharded(directory) else {
            return [try MappedFile(path: directory + "/" + CheckpointTensors.singleName)]
        }
        let path = directory + "/" + CheckpointTensors.indexName
        let text = try MappedFile.contents(ofPath: path, limit: CheckpointTensors.maximumIndexLength)
        var files: [MappedFile] = []
        for shard in try ShardIndex(parsing: text, file: path).shards {
            files.append(try MappedFile(path: directory + "/" + shard))
        }
        return files
    }

    static func byteCount(of files: [MappedFile]) -> Int { files.reduce(0) { $0 + $1.bytes.count } }

    static func isSharded(_ directory: String) -> Bool {
        SystemCalls.kind(ofPath: directory + "/" + CheckpointTensors.indexName) != nil
    }
}

extension DMSMetadata {
    /// What is known about whether the weights are the ones that the metadata was written for.
    public enum WeightsCheck: Sendable, Hashable {
        /// Their digest is the stated one.
        case verified
        /// No digest is stated.
        case notStated
    }

    /// Compares the weights with `weights_bytes` and `weights_sha256`, whatever their size.
    ///
    /// Where a digest is stated all of them are read, shards at the same time. That costs about what reading them from
    /// a disk does, once for each load.
    ///
    /// - Throws: ``CheckpointError`` naming the file and the key that state something else.
    @discardableResult
    public func verifyWeights(in directory: String) throws(CheckpointError) -> WeightsCheck {
        guard weightsSHA256 != nil || weightsBytes != nil else { return .notStated }
        let files = try WeightsDigest.files(in: directory)
        let byteCount = WeightsDigest.byteCount(of: files)
        if let error = mismatch(byteCount: byteCount, sha256: nil, directory: directory) { throw error }
        guard weightsSHA256 != nil else { return .notStated }
        let digest = WeightsDigest(files: files, isSharded: WeightsDigest.isSharded(directory))
        if let error = mismatch(byteCount: byteCount, sha256: digest.sha256, directory: directory) { throw error }
        return .verified
    }

    /// What is stated about weights and is not so; the length goes first, as others have another digest anyway.
    ///
    /// - Parameters:
    ///   - byteCount: Of all files.
    ///   - sha256: The digest; `nil` where it is not known.
    package func mismatch(byteCount: Int, sha256: String?, directory: String) -> CheckpointError? {
        if let weightsBytes, weightsBytes != byteCount {
            return mismatch(.weightsBytes, stated: "\(weightsBytes)", actual: "\(byteCount)", directory)
        }
        guard let weightsSHA256, let sha256, weightsSHA256 != sha256 else { return nil }
        return mismatch(.weightsSHA256, stated: weightsSHA256, actual: sha256, directory)
    }

    private func mismatch(_ field: DMSField, stated: String, actual: String, _ directory: String) -> CheckpointError {
        var place = (file: directory + "/" + Self.fileName, key: field.rawValue)
        if case .file(let file, let key) = origins[field] { place = (file, key) }
        return CheckpointError(
            file: place.file, .key(place.key), found: stated,
            required: "\(actual), which is that of the weights in \(directory): the metadata was written for others")
    }
}
