import DMSEvaluation
import DMSTestSupport
import DMSTokenizer
import Testing

@Suite struct CorpusTests {
    @Test func chunksAreContiguousAndFull() throws {
        let tokens = (0..<23).map { Int32($0) }
        let all = try EvaluationChunks(tokens: tokens, length: 5)
        #expect(all.count == 4)
        #expect(all.scoredTokens == 16)
        #expect((0..<4).map { Array(all[$0]) } == (0..<4).map { Array(tokens[$0 * 5..<$0 * 5 + 5]) })
        #expect(try EvaluationChunks(tokens: tokens, length: 5, limit: 2).count == 2)
        #expect(try EvaluationChunks(tokens: tokens, length: 23).scoredTokens == 22)
    }

    @Test(arguments: [(5, 5), (24, nil), (1, nil), (5, 0)] as [(Int, Int?)])
    func chunksThatDoNotExistAreRefused(_ length: Int, _ limit: Int?) {
        #expect(throws: EvaluationError.self) {
            try EvaluationChunks(tokens: Array(repeating: 1, count: 23), length: length, limit: limit)
        }
    }

    @Test func theErrorCountsWhatIsThere() {
        let error = #expect(throws: EvaluationError.self) {
            try EvaluationChunks(tokens: Array(repeating: 1, count: 23), length: 10, limit: 3)
        }
        #expect(error?.description.contains("23 tokens, which is 2 full chunks of 10") == true)
        #expect(error?.description.contains("at least 3") == true)
    }

    @Test func textIsReadWhole() throws {
        let folder = try TemporaryFolder()
        try folder.write("a\r\n \u{1F600} \u{0}end", to: "c.txt")
        #expect(
            try CorpusText(path: folder.file("c.txt")).text.unicodeScalars.elementsEqual(
                "a\r\n \u{1F600} \u{0}end".unicodeScalars))
    }

    @Test func aByteOrderMarkIsNoTextAndCarriageReturnsAre() throws {
        let folder = try TemporaryFolder()
        try folder.write([0xEF, 0xBB, 0xBF] + Array("a\r\nb".utf8), to: "marked.txt")
        let marked = try CorpusText(path: folder.file("marked.txt"))
        #expect(Array(marked.text.utf8) == Array("a\r\nb".utf8))
        #expect(marked.marks.hasByteOrderMark && marked.marks.hasCarriageReturns)
        // In the middle it is a character, and a carriage return alone ends no line.
        try folder.write(Array("a\u{FEFF}\rb".utf8), to: "plain.txt")
        let plain = try CorpusText(path: folder.file("plain.txt"))
        #expect(Array(plain.text.utf8) == Array("a\u{FEFF}\rb".utf8))
        #expect(!plain.marks.hasByteOrderMark && !plain.marks.hasCarriageReturns)
        try folder.write([0xEF, 0xBB, 0xBF], to: "mark.txt")
        let error = #expect(throws: EvaluationError.self) { try CorpusText(path: folder.file("mark.txt")) }
        #expect(error?.description.contains("empty file") == true)
    }

    @Test func whatIsNotTextIsRefusedByName() throws {
        let folder = try TemporaryFolder()
        try folder.write([], to: "empty.txt")
        try folder.write([0x61, 0xC3, 0xA9, 0x62, 0xFF, 0x63], to: "latin.txt")
        func message(_ path: String) -> String {
            #expect(throws: EvaluationError.self) { try CorpusText(path: path) }?.description ?? ""
        }
        #expect(message(folder.file("none.txt")).contains("there is no such file"))
        #expect(message(folder.file("none.txt")).contains("none.txt"))
        #expect(message(folder.path).contains("found a folder"))
        #expect(message(folder.file("empty.txt")).contains("empty file"))
        #expect(message(folder.file("latin.txt")).contains("offset 4"))
    }
}
