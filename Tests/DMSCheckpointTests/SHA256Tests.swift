import DMSTestSupport
import Testing

@testable import DMSCheckpoint

@Suite("SHA-256")
struct SHA256Tests {
    @Test(
        "Known digests",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
            ),
            (
                String(repeating: "a", count: 1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
            ),
        ])
    func known(text: String, digest: String) {
        #expect(SHA256.hexDigest(of: text) == digest)
        Array(text.utf8).withUnsafeBytes { bytes in
            #expect(SHA256.hexDigests(of: [bytes], threads: 1, version: .portable) == [digest])
        }
    }

    @Test("Every length around a block's end", arguments: SHA256.Version.allCases.filter(\.isAvailable))
    func lengths(version: SHA256.Version) {
        // From Python's hashlib: the digest of the hexadecimal digests of bytes(i * 7 + 1 & 255 for i in range(n)).
        let message = (0..<200).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
        let digests = message.withUnsafeBytes { bytes in
            (0...200).map { length in
                SHA256.hexDigests(
                    of: [UnsafeRawBufferPointer(rebasing: bytes[..<length])], threads: 1, version: version)[0]
            }
        }
        #expect(
            SHA256.hexDigest(of: digests.joined())
                == "2e4a3cd5a1498d68dbe42f5114a172594576fa45febce02f5d6ad8863181bef0")
    }

    @Test("Piece by piece as at once", arguments: SHA256.Version.allCases.filter(\.isAvailable))
    func pieces(version: SHA256.Version) {
        let message = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
        message.withUnsafeBytes { bytes in
            for length in [0, 1, 55, 56, 63, 64, 65, 127, 128, 640, 1000] {
                let whole = UnsafeRawBufferPointer(rebasing: bytes[..<length])
                for first in stride(from: 0, through: length, by: 64) {
                    var stream = SHA256.Stream(version: version)
                    stream.append(UnsafeRawBufferPointer(rebasing: whole[..<first]))
                    let digest = stream.end(UnsafeRawBufferPointer(rebasing: whole[first...]))
                    #expect(digest == SHA256.hexDigests(of: [whole], threads: 1, version: version)[0])
                }
            }
        }
    }

    @Test("Hardware and portable agree on random messages, many at a time, at odd addresses")
    func twins() {
        guard SHA256.Version.hardware.isAvailable else { return }
        var generator = SeededGenerator(seed: 11)
        let memory = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        memory.withUnsafeBytes { bytes in
            let messages = (0..<60).map { _ in
                let start = Int.random(in: 0..<bytes.count, using: &generator)
                let count = Int.random(in: 0...bytes.count - start, using: &generator)
                return UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
            }
            let expected = SHA256.hexDigests(of: messages, threads: 1, version: .portable)
            for threads in [1, 2, 7, 100] {
                #expect(SHA256.hexDigests(of: messages, threads: threads, version: .hardware) == expected)
            }
        }
    }
}
