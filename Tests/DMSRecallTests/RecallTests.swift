import DMSCheckpoint
import DMSJSON
import DMSRecall
import DMSTestSupport
import DMSTokenizer
import DMSTraining
import Foundation
import Testing

@Suite("The recall task")
struct RecallTests {
    /// A folder as the command writes it.
    private final class Written {
        let parent: TemporaryFolder
        let summary: RecallFolder.Summary
        var path: String { parent.file("recall") }

        init(chunks: Int, length: Int, seed: UInt64 = 1) throws {
            parent = try TemporaryFolder()
            summary = try RecallFolder(chunks: chunks, length: length, seed: seed).write(to: parent.file("recall"))
        }

        func bytes(_ name: String) throws -> [UInt8] {
            Array(try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
        }
    }

    @Test("chunks hold whole texts, and every word is one token", arguments: [48, 100, 256, 1024])
    func chunks(length: Int) throws {
        let written = try Written(chunks: 60, length: length)
        let configuration = try LlamaConfiguration(parsing: try written.bytes("config.json"))
        let tokenizer = try Tokenizer(file: written.path + "/tokenizer.json")
        #expect(configuration.vocabularySize == tokenizer.vocabularySize)
        #expect(configuration.vocabularySize == written.summary.vocabularySize)
        let corpus = try TrainingCorpus(
            paths: [written.path + "/corpus.jsonl"], tokenizer: tokenizer,
            options: TrainingCorpus.Options(
                contextLength: length, chunksPerBatch: 1, endOfText: configuration.endOfTextIDs.first,
                vocabularySize: configuration.vocabularySize))
        #expect(corpus.tokens.count == 60 * length)
        #expect(written.summary.tokens == 60 * length)
        #expect(corpus.documentCount == written.summary.documents)
        for chunk in 0..<60 {
            #expect(corpus[chunk].first == configuration.beginOfTextID)
            #expect(corpus[chunk].last == configuration.endOfTextIDs.first)
        }
        // No text falls apart into bytes, except that a full stop is one.
        let stop = try #require(tokenizer.id(of: "."))
        #expect(corpus.tokens.allSatisfy { $0 < 2 || $0 >= 258 || $0 == stop })
    }

    @Test("the same seed gives the same bytes, on every machine")
    func determinism() throws {
        let names = ["config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]
        let (first, again) = (try Written(chunks: 5, length: 256), try Written(chunks: 5, length: 256))
        for name in names + ["corpus.jsonl"] { #expect(try first.bytes(name) == again.bytes(name)) }
        let other = try Written(chunks: 5, length: 256, seed: 2)
        for name in names { #expect(try first.bytes(name) == other.bytes(name)) }
        #expect(try first.bytes("corpus.jsonl") != other.bytes("corpus.jsonl"))
        // A chunk does not depend on how many there are.
        #expect(try Written(chunks: 6, length: 256).bytes("corpus.jsonl").starts(with: first.bytes("corpus.jsonl")))
        let digests = try ["corpus.jsonl", "tokenizer.json"].map { Self.digest(try first.bytes($0)) }
        #expect(digests == [0x708F_FA5B_9D6D_D0AB, 0xE9C6_C737_1552_B848])
    }

    /// FNV-1a.
    private static func digest(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    @Test("a training text says one password, more than once, near and far")
    func mentions() throws {
        var counts: Set<Int> = []
        for chunk in 0..<40 {
            for document in RecallTask(seed: 3).documents(ofChunk: chunk, length: 1024) {
                let said = document.matches(of: /The password is (\w+)\./).map(\.1)
                #expect(Set(said).count == 1)
                counts.insert(said.count)
                #expect(said.count <= 5 || document.count < 256 * 8)
            }
        }
        #expect(counts == [2, 3, 5, 9, 17, 33])
    }

    @Test("a password's word stands in other sentences, too")
    func distractors() {
        let texts = (0..<20).map { RecallTask(seed: 4).item(length: 1024, depth: 0.5, number: $0) }
        #expect(texts.contains { $0.prompt.contains("The\($0.answer) ") }, "the right word, elsewhere")
        let others = texts.filter { $0.prompt.contains(/The (?:anchor|apple|arrow|basket|bell|bottle)\s/) }
        #expect(others.count >= 10)
    }

    @Test("an item has the length and the depth asked for, and one answer", arguments: [48, 64, 200, 1024, 2048])
    func items(length: Int) throws {
        let written = try Written(chunks: 1, length: 64)
        let tokenizer = try Tokenizer(file: written.path + "/tokenizer.json")
        let task = RecallTask(seed: 9)
        for (number, depth) in [0, 0.1, 0.25, 0.5, 0.75, 1].enumerated() {
            let item = task.item(length: length, depth: depth, number: number)
            let tokens = tokenizer.encode(item.prompt + item.answer)
            #expect(tokens.count == length)
            #expect(tokens.dropLast() == tokenizer.encode(item.prompt)[...])
            #expect(item.prompt.hasSuffix(" The password is"))
            let facts = item.prompt.matches(of: /The password is (\w+)\./)
            #expect(facts.map { " " + $0.1 } == [item.answer[...]])
            let start = item.prompt.distance(from: item.prompt.startIndex, to: facts[0].range.lowerBound)
            let share = Double(start) / Double(item.prompt.count)
            // A sentence more or less, and the question behind the text.
            #expect(abs(share - depth) < 0.05 + 20 / Double(length))
            #expect(item == task.item(length: length, depth: depth, number: number))
            #expect(item != task.item(length: length, depth: depth, number: number + 1))
        }
    }

    @Test("a folder that exists is left alone")
    func existing() throws {
        let written = try Written(chunks: 1, length: 64)
        let before = try written.bytes("corpus.jsonl")
        let error = #expect(throws: CheckpointError.self) {
            try RecallFolder(chunks: 2, length: 64, seed: 5).write(to: written.path)
        }
        #expect(error?.file == written.path)
        #expect(try written.bytes("corpus.jsonl") == before)
    }
}
