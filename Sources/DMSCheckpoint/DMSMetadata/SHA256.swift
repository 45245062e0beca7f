import CDMSDigest

/// SHA-256 (FIPS 180-4), for naming weights by their content.
///
/// It is not constant-time and must not be used on secrets.
package enum SHA256 {
    /// How it is computed.
    package enum Version: Sendable, CaseIterable {
        /// In plain C, as everywhere.
        case portable
        /// By the processor's own instructions for it.
        case hardware

        fileprivate var value: dms_sha256_version {
            self == .hardware ? DMS_SHA256_HARDWARE : DMS_SHA256_PORTABLE
        }

        /// Whether this processor has it.
        package var isAvailable: Bool { dms_sha256_available(value) != 0 }
        /// The faster one that this processor has.
        package static var best: Version { hardware.isAvailable ? .hardware : .portable }
    }

    /// The digests of several messages in lower-case hexadecimal, computed at the same time in up to `threads` threads.
    package static func hexDigests(
        of messages: [UnsafeRawBufferPointer], threads: Int, version: Version = .best
    ) -> [String] {
        precondition(version.isAvailable, "SHA-256 by instructions that this processor does not have")
        var list = messages.map { message in
            var entry = dms_sha256_message()
            entry.bytes = message.baseAddress
            entry.length = message.count
            return entry
        }
        dms_sha256(version.value, &list, list.count, max(1, threads))
        return list.map { entry in withUnsafeBytes(of: entry.digest) { hex($0) } }
    }

    /// A message that is read piece by piece.
    package struct Stream {
        /// Pieces but for the last have a multiple of so many bytes.
        package static let blockLength = 64

        private var state = dms_sha256_state()
        private let version: dms_sha256_version

        package init(version: Version = .best) {
            self.version = version.value
            dms_sha256_begin(&state)
        }

        /// The next piece, of whole blocks.
        package mutating func append(_ bytes: UnsafeRawBufferPointer) {
            precondition(bytes.count % Self.blockLength == 0, "a piece that ends within a block")
            dms_sha256_blocks(version, &state, bytes.baseAddress, bytes.count)
        }

        /// The last piece, of any length, and the digest in lower-case hexadecimal.
        package mutating func end(_ bytes: UnsafeRawBufferPointer) -> String {
            let rest = bytes.count % Self.blockLength
            append(UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - rest)]))
            let last = UnsafeRawBufferPointer(rebasing: bytes[(bytes.count - rest)...])
            var digest = [UInt8](repeating: 0, count: 32)
            dms_sha256_end(version, &state, last.baseAddress, last.count, &digest)
            return digest.withUnsafeBytes { hex($0) }
        }
    }

    /// The digest of `bytes` in lower-case hexadecimal.
    package static func hexDigest(of bytes: UnsafeRawBufferPointer) -> String {
        hexDigests(of: [bytes], threads: 1)[0]
    }

    /// The digest of the UTF-8 text in lower-case hexadecimal.
    package static func hexDigest(of text: String) -> String {
        Array(text.utf8).withUnsafeBytes { hexDigest(of: $0) }
    }

    /// The digest of the UTF-8 text, 32 bytes.
    package static func digest(of text: String) -> [UInt8] {
        let digits = Array(hexDigest(of: text).utf8).map { UInt8($0 < 0x3A ? $0 - 0x30 : $0 - 0x57) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private static func hex(_ bytes: UnsafeRawBufferPointer) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
