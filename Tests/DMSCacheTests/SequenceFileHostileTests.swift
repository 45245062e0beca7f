import DMSCache
import DMSCheckpoint
import DMSTestSupport
import Foundation
import Testing

/// Files that lie, with a checksum that is right.
@Suite struct SequenceFileHostileTests {
    @Test func checksums() {
        func digest(_ text: String, pieces: Int = .max) -> UInt64 {
            var hash = XXHash64()
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                Array(rest.prefix(pieces)).withUnsafeBytes { hash.update($0) }
                rest = rest.dropFirst(pieces)
            }
            return hash.digest
        }
        // Of the reference implementation.
        #expect(digest("") == 0xEF46_DB37_51D8_E999)
        #expect(digest("a") == 0xD24E_C4F1_A98C_6E5B)
        #expect(digest("abc") == 0x44BC_2CF5_AD77_0999)
        let long = "Nobody inspects the spammish repetition"
        for pieces in [1, 2, 3, 7, 8, 31, 32, 33, 100] {
            #expect(digest(long, pieces: pieces) == 0xFBCE_A83C_8A37_8BF1)
        }
    }

    private struct Forge {
        let folder: TemporaryFolder
        let identity: SequenceIdentity
        /// The description, and what follows it.
        let description: String
        let rest: [UInt8]

        init() throws {
            folder = try TemporaryFolder()
            let retention = try retention(window: 5)
            let script = Script(SequenceTests.shape, layers: 1, count: 20, seed: 8)
            identity = SequenceFileTests.identity(script, retention)
            let cache = try cache(script, retention)
            try Player([0: script]).play(pieces: [16], cache)
            try cache.save(0, tokens: SequenceFileTests.tokens(17), identity: identity, to: folder.file("good"))
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.file("good"))))
            let end = 16 + Int(bytes[12]) + Int(bytes[13]) << 8
            description = String(decoding: bytes[16..<end], as: UTF8.self)
            rest = Array(bytes[end..<bytes.count - 8])
        }

        private static func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
            withUnsafeBytes(of: value.littleEndian) { Array($0) }
        }

        /// Opens a file put together from parts.
        func open(
            magic: String = "DMSCACHE", version: UInt32 = 1, description: String, length: UInt32? = nil,
            rest: [UInt8]? = nil
        ) throws -> SequenceFile {
            var text = Array(description.utf8)
            while text.count % 8 != 0 { text.append(0x20) }
            let bytes = Array(magic.utf8) + Self.bytes(version) + Self.bytes(length ?? UInt32(text.count)) + text
            return try open(bytes + (rest ?? self.rest))
        }

        /// Opens a whole file with a checksum that is right.
        func open(_ bytes: [UInt8]) throws -> SequenceFile {
            var hash = XXHash64()
            bytes.withUnsafeBytes { hash.update($0) }
            try folder.write(bytes + Self.bytes(hash.digest), to: "forged")
            return try SequenceFile(path: folder.file("forged"), identity: identity)
        }

        /// What is said about it.
        func refusal(of description: String, version: UInt32 = 1, length: UInt32? = nil, rest: [UInt8]? = nil) -> String
        {
            do {
                _ = try open(version: version, description: description, length: length, rest: rest)
                return "accepted"
            } catch {
                return "\(error)".replacing(folder.file("forged"), with: "FILE")
            }
        }
    }

    @Test func descriptions() throws {
        let forge = try Forge()
        #expect(try forge.open(description: forge.description).cachedCount == 16)
        let good = forge.description
        func changed(_ from: String, _ to: String) -> String {
            #expect(good.contains(from))
            return forge.refusal(of: good.replacing(from, with: to))
        }
        #expect(forge.refusal(of: good, version: 2) == "FILE: key \"version\": found 2; required: 1")
        #expect(throws: CheckpointError.self) { try forge.open(magic: "DMSCACHF", description: good) }
        for length in [0, 7, 8, 1 << 16, 1 << 16 + 8, .max] as [UInt32] {
            #expect(forge.refusal(of: good, length: length) != "accepted")
        }
        #expect(changed("\"tokens\":17", "\"tokens\":-1").contains("key \"tokens\": found -1"))
        #expect(changed("\"tokens\":17", "\"tokens\":2147483648").contains("found 2147483648"))
        #expect(changed("\"tokens\":17", "\"tokens\":2147483647").contains("required: at least"))
        #expect(changed("\"tokens\":17", "\"tokens\":17.0").contains("key \"tokens\""))
        #expect(changed("\"cached\":16", "\"cached\":18").contains("key \"cached\": found 18; required: 1 to 17"))
        #expect(changed("\"cached\":16", "\"cached\":0").contains("key \"cached\": found 0"))
        // The ring of three tokens is no ring of six.
        #expect(changed("\"cached\":16", "\"cached\":3") != "accepted")
        #expect(changed("\"cached\":16", "\"tokens\":16").contains("not JSON"))
        #expect(changed("\"window\":\"5\"", "\"window\":5").contains("key \"window\": found an integer; required: 5"))
        #expect(changed("\"window\":\"5\"", "\"widow\":\"5\"").contains("key \"window\": found no such key"))
        let more = changed("\"window\":\"5\"", "\"window\":\"5\",\"more\":\"5\"")
        #expect(more.contains("key \"more\": found an unknown key"))
        #expect(forge.refusal(of: "[]").contains("not JSON"))
        #expect(forge.refusal(of: "{}").contains("0 keys"))
        #expect(forge.refusal(of: String(repeating: "[", count: 4000)).contains("not JSON"))
    }

    /// Whatever is in a file, it is refused or it is a sequence that goes on.
    @Test func anything() throws {
        let forge = try Forge()
        let good = [UInt8](try Data(contentsOf: URL(fileURLWithPath: forge.folder.file("good")))).dropLast(8)
        let script = Script(SequenceTests.shape, layers: 1, count: 20, seed: 9)
        let cache = try cache(script, try retention(window: 5))
        var random = SeededGenerator(seed: 10)
        var accepted = 0
        for _ in 0..<1500 {
            var bytes = Array(good)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                // Half of them where the lengths are.
                let end = Bool.random(using: &random) ? bytes.count : min(bytes.count, 700)
                bytes[Int.random(in: 0..<end, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Int.random(in: 0..<5, using: &random) == 0 {
                bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
            }
            do {
                let file = try forge.open(bytes)
                accepted += 1
                try cache.add(0, from: .file(file))
                try Player([0: script], looping: file.cachedCount).play(pieces: [1, 9], cache)
                try cache.checkInvariants()
                cache.remove(0)
            } catch let error as CheckpointError {
                #expect(error.file == forge.folder.file("forged"))
            }
        }
        #expect(accepted > 40)
    }

    @Test func streams() throws {
        let forge = try Forge()
        // 17 tokens in 72 bytes, then what two streams store.
        for (index, value) in [(72, 5), (72, 17), (76, 0), (76, 255)] as [(Int, UInt8)] {
            var rest = forge.rest
            rest[index] = value
            #expect(forge.refusal(of: forge.description, rest: rest).contains("key \"stored\": found \(value) tokens"))
        }
        var more = forge.rest
        more[72] = more[72] == 16 ? 15 : 16
        #expect(forge.refusal(of: forge.description, rest: more).contains("bytes; required"))
    }
}
