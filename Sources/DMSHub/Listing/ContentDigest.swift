import CDMSDigest
import DMSCheckpoint

/// What a hub names a file's content by; also the name of the file in the cache.
public enum ContentDigest: Hashable, Sendable, CustomStringConvertible {
    /// Of large files: the SHA-256 of the bytes.
    case sha256(String)
    /// Of all others: the name that git gives them, a SHA-1 of length and bytes.
    case gitBlob(String)

    /// In lower-case hexadecimal.
    public var hexadecimal: String {
        switch self {
        case .sha256(let digits), .gitBlob(let digits): digits
        }
    }

    public var description: String {
        switch self {
        case .sha256(let digits): "SHA-256 \(digits)"
        case .gitBlob(let digits): "git blob \(digits)"
        }
    }

    /// - Returns: `nil` unless it is what a digest looks like; it becomes the name of a file.
    static func sha256(checking digits: String) -> ContentDigest? {
        digits.utf8.count == 64 && HubReference.isHexadecimal(digits) ? .sha256(digits) : nil
    }

    /// - Returns: `nil` unless it is what a digest looks like; it becomes the name of a file.
    static func gitBlob(checking digits: String) -> ContentDigest? {
        digits.utf8.count == 40 && HubReference.isHexadecimal(digits) ? .gitBlob(digits) : nil
    }

    /// The digest of the same kind that bytes have.
    public func same(of bytes: UnsafeRawBufferPointer) -> ContentDigest {
        switch self {
        case .sha256: .sha256(SHA256.hexDigest(of: bytes))
        case .gitBlob: .gitBlob(Self.gitName(of: bytes))
        }
    }

    /// SHA-1 of `blob LENGTH`, a zero byte, and the bytes.
    private static func gitName(of bytes: UnsafeRawBufferPointer) -> String {
        let prefix = Array("blob \(bytes.count)\0".utf8)
        var digest = [UInt8](repeating: 0, count: 20)
        dms_sha1(prefix, prefix.count, bytes.baseAddress, bytes.count, &digest)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
