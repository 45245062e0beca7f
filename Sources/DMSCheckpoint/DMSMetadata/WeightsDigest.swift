/// The content of a checkpoint's weight files in one number, so that metadata cannot be paired with other weights.
///
/// For weights in one file it is the SHA-256 of that file. For weights in shards it is the SHA-256 of the shards'
/// digests, each as 64 lower-case hexadecimal digits, one after the other in the order of the file names:
///
///     sha256sum model.safetensors
///     sha256sum model-*.safetensors | cut -c1-64 | tr -d '\n' | sha256sum
public struct WeightsDigest: Sendable, Hashable {
    /// Up to this length, weights are checked whenever they are loaded; see ``DMSMetadata/verifyWeightsAtLoad(in:)``.
    public static let checkedAtLoadLimit = 256 << 20

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
        let digests = files.map { SHA256.hexDigest(of: $0.bytes) }
        sha256 = isSharded ? SHA256.hexDigest(of: digests.joined()) : digests[0]
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
        /// Only their length was compared (or not even that was stated), because reading them takes long.
        case deferred
        /// No digest is stated.
        case notStated
    }

    /// Compares the weights with `weights_sha256` and `weights_bytes`, reading all of them.
    ///
    /// - Throws: ``CheckpointError`` naming the file and the key that state something else.
    @discardableResult
    public func verifyWeights(in directory: String) throws(CheckpointError) -> WeightsCheck {
        try verifyWeights(in: directory, upTo: .max)
    }

    /// The check that every load makes: the length always, the digest for weights of up to
    /// ``WeightsDigest/checkedAtLoadLimit`` bytes.
    ///
    /// Hashing runs at a few hundred megabytes per second: a small model is checked in a moment, where larger ones
    /// would start seconds later each time. For those, ``verifyWeights(in:)`` is there to be called once.
    @discardableResult
    public func verifyWeightsAtLoad(in directory: String) throws(CheckpointError) -> WeightsCheck {
        try verifyWeights(in: directory, upTo: WeightsDigest.checkedAtLoadLimit)
    }

    func verifyWeights(in directory: String, upTo limit: Int) throws(CheckpointError) -> WeightsCheck {
        guard weightsSHA256 != nil || weightsBytes != nil else { return .notStated }
        let files = try WeightsDigest.files(in: directory)
        let byteCount = WeightsDigest.byteCount(of: files)
        if let weightsBytes, weightsBytes != byteCount {
            throw mismatch(.weightsBytes, stated: "\(weightsBytes)", actual: "\(byteCount)", directory)
        }
        guard let weightsSHA256 else { return .notStated }
        guard byteCount <= limit else { return .deferred }
        let actual = WeightsDigest(files: files, isSharded: WeightsDigest.isSharded(directory)).sha256
        guard weightsSHA256 == actual else {
            throw mismatch(.weightsSHA256, stated: weightsSHA256, actual: actual, directory)
        }
        return .verified
    }

    private func mismatch(_ field: DMSField, stated: String, actual: String, _ directory: String) -> CheckpointError {
        var place = (file: directory + "/" + Self.fileName, key: field.rawValue)
        if case .file(let file, let key) = origins[field] { place = (file, key) }
        return CheckpointError(
            file: place.file, .key(place.key), found: stated,
            required: "\(actual), which is that of the weights in \(directory): the metadata was written for others")
    }
}
