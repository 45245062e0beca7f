import DMSCheckpoint

extension TrainingCorpus {
    /// SHA-256 of the tokens as little-endian 32-bit numbers.
    public var digest: String {
        tokens.withUnsafeBufferPointer { SHA256.hexDigest(of: UnsafeRawBufferPointer($0)) }
    }

    /// SHA-256 of a file's bytes.
    public static func digest(of bytes: [UInt8]) -> String {
        bytes.withUnsafeBufferPointer { SHA256.hexDigest(of: UnsafeRawBufferPointer($0)) }
    }
}
