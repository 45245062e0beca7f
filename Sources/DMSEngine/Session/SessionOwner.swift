import DMSCheckpoint

/// Whose conversations are saved: those who share a secret, and no others.
public struct SessionOwner: Sendable, Hashable {
    /// The folder of this owner's conversations: a digest, which does not tell the secret.
    let folderName: String

    /// - Parameter secret: Such as an API key; a long random one, because whoever reads the folder can try short ones.
    public init(secret: String) { folderName = SHA256.hexDigest(of: "dms session owner\u{0}" + secret) }
}
