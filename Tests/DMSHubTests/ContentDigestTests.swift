import Testing

@testable import DMSHub

@Suite("Digests of contents")
struct ContentDigestTests {
    /// From `git hash-object --stdin`.
    @Test(
        "git's names of files",
        arguments: [
            ("", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"), ("hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
            ("what is up, doc?", "bd9dbf5aae1a3862dd1526723246b20206e5fc37"),
        ])
    func git(text: String, expected: String) {
        #expect(Array(text.utf8).withUnsafeBytes { ContentDigest.gitBlob("").same(of: $0) } == .gitBlob(expected))
    }

    /// The lengths around which padding takes another block; expected values from Python's hashlib.
    @Test(
        "lengths around the ends of blocks",
        arguments: [
            (44, "11b51aacd73821f9f3fea328db4b79c130a97d6f"),
            (45, "e5f1c3c7c8eb98246c76ae29e594fd91a62ef6b6"),
            (46, "6b85c7a3ed03ec7c4b1bfc54966d64345155b2b1"),
            (47, "6d9aed2856e19f539d581289bc9ef5aeda32b2f5"),
            (48, "337a6d4e5fdec761dfa08b317d5d69aa25fa257e"),
            (52, "5758e6db1947608fb1aa8e8f8fe3369df0513696"),
            (53, "d3d932aac3d2f72a991b66fb908147bea2e8b7e0"),
            (54, "527d90f67ebf6ec198169c48d7b25e43892528c7"),
            (55, "1abe178a5e7d928b8cf998ad8479d32f2a5a50c1"),
            (56, "1d9a2224c862e8d1d2c222a7743e7e90522e8979"),
            (57, "90c4ea9afe58b2d71fe02c3059c077ad5ef48a03"),
            (63, "ae8df5ff9be67a8d83e29f107b4f65608503aff1"),
            (64, "7a750f53f0d82924d58e4994486faa24db9a1cbc"),
            (65, "996d36b8af0df3c01f859b2d2d55e4fac47f6659"),
            (119, "ed5cf336e9d28fc71f8bf11b05520c63a23e083a"),
            (120, "d4ffa4b455d65886892e4637177028134070d0d8"),
            (1000, "91475c4915324f928254bb924272e5b930262344"),
        ])
    func lengths(count: Int, expected: String) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
        #expect(bytes.withUnsafeBytes { ContentDigest.gitBlob("").same(of: $0) } == .gitBlob(expected))
    }

    @Test("SHA-256 is that of the standard's example")
    func sha256() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(Array("abc".utf8).withUnsafeBytes { ContentDigest.sha256("").same(of: $0) } == .sha256(expected))
    }

    @Test("what is no digest never becomes a name")
    func names() {
        for text in ["", "..", "../../x", String(repeating: "A", count: 40), String(repeating: "a", count: 41)] {
            #expect(ContentDigest.gitBlob(checking: text) == nil)
            #expect(ContentDigest.sha256(checking: text) == nil)
        }
        #expect(ContentDigest.sha256(checking: String(repeating: "a", count: 64)) != nil)
    }
}
