import DMSCache
import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Foundation
import Testing

/// Sequences that are saved and come back.
@Suite struct SequenceFileTests {
    static let shape = SequenceTests.shape

    static func identity(
        _ script: Script, _ retention: (rule: RetentionRule, assembly: DecisionAssembly)?,
        type: ScalarType = .float32, slotsPerPage: Int = 4, rowsPerBlock: Int = 5, precision: Precision = .fp32,
        weights: String = "abc"
    ) -> SequenceIdentity {
        SequenceIdentity(
            shape: script.shape, layerCount: script.layers, precision: precision,
            configuration: CacheConfiguration.checked(
                kvType: type, slotsPerPage: slotsPerPage, rowsPerBlock: rowsPerBlock),
            retention: retention, model: [.init("weights_sha256", weights)])
    }

    static func configuration(_ type: ScalarType = .float32, budget: Int? = nil) -> CacheConfiguration {
        CacheConfiguration.checked(kvType: type, slotsPerPage: 4, budgetBytes: budget, rowsPerBlock: 5)
    }

    static func tokens(_ count: Int) -> [Int32] { (0..<Int32(count)).map { $0 * 7 } }

    @Test(
        arguments: [(0, 0), (3, 1), (9, 0), (70, 1), (1000, 0), (-1, 0)],
        [ScalarType.float32, .bfloat16, .float8, .int8])
    func restoredSequencesGoOn(_ rule: (Int, Int), _ type: ScalarType) throws {
        let (window, shift) = rule
        let retention = window < 0 ? nil : try retention(window: window, shift: shift)
        let folder = try TemporaryFolder()
        var random = SeededGenerator(seed: UInt64(2000 + window))
        for trial in 0..<4 as Range<UInt64> {
            let script = Script(Self.shape, count: 120, seed: trial)
            let identity = Self.identity(script, retention, type: type)
            let before = randomPieces(Int.random(in: 1...100, using: &random), &random)
            let saved = before.reduce(0, +)
            let after = randomPieces(120 - saved, &random)
            let cache = try cache(script, retention, Self.configuration(type))
            let player = Player([0: script])
            try player.play(pieces: before, cache)
            let path = folder.file("sequence")
            try cache.save(0, tokens: Self.tokens(saved + 1), identity: identity, to: path)
            try player.play(pieces: after, cache)

            let file = try SequenceFile(path: path, identity: identity)
            #expect(file.tokens == Self.tokens(saved + 1) && file.cachedCount == saved)
            let other = try DMSCacheTests.cache(script, retention, Self.configuration(type))
            // At once in one trial, with the next pass in the other.
            if trial % 2 == 0 {
                try other.add(5, from: .file(file))
                try other.checkInvariants()
                #expect(other.tokenCount(of: 5) == saved)
            } else {
                other.start(5, from: .file(file))
            }
            let restored = Player([5: script], positions: [5: saved])
            try restored.play(5, pieces: after, other)
            try other.checkInvariants()
            #expect(restored.outputs[5] == player.outputs[0]?.map { Array($0[saved...]) })
            for layer in 0..<2 {
                for head in 0..<2 {
                    let left = cache.storedTokens(layer: layer, head: head, sequence: 0)
                    let right = other.storedTokens(layer: layer, head: head, sequence: 5)
                    #expect(left.keys == right.keys && left.values == right.values)
                }
            }
        }
    }

    /// A file has what is alive and nothing of others, whatever lay in its pages before.
    @Test func filesHoldTheSequenceAlone() throws {
        let retention = try retention(window: 6)
        let script = Script(Self.shape, count: 60, seed: 1)
        let folder = try TemporaryFolder()
        let identity = Self.identity(script, retention)
        func saved(_ cache: CompactAttention, _ name: String) throws -> Data {
            try Player([0: script]).play(pieces: [37], cache)
            try cache.save(0, tokens: Self.tokens(38), identity: identity, to: folder.file(name))
            let live = cache.report().sequences[0]?.liveBytes ?? 0
            let data = try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
            #expect(data.count < live + 2000)
            return data
        }
        let clean = try saved(try cache(script, retention), "clean")
        let used = try cache(script, retention)
        for name in 1..<5 { try Player([name: Script(Self.shape, count: 60, seed: 9)]).play(name, pieces: [60], used) }
        for name in 1..<5 { used.remove(name) }
        #expect(try saved(used, "used") == clean)
        let permissions = try FileManager.default.attributesOfItem(atPath: folder.file("clean"))[.posixPermissions]
        #expect(permissions as? Int == 0o600)
        // Nothing is left beside the files.
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["clean", "used"])
    }

    /// Neither a byte that is changed, nor one too few or too many, goes unnoticed.
    @Test func damageIsRefused() throws {
        let retention = try retention(window: 3, shift: 1)
        let script = Script(Self.shape, layers: 1, count: 12, seed: 2)
        let folder = try TemporaryFolder()
        let identity = Self.identity(script, retention, type: .int8)
        let cache = try cache(script, retention, Self.configuration(.int8))
        try Player([0: script]).play(pieces: [11], cache)
        try cache.save(0, tokens: Self.tokens(12), identity: identity, to: folder.file("good"))
        let good = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.file("good"))))
        #expect(try SequenceFile(path: folder.file("good"), identity: identity).cachedCount == 11)
        func refuse(_ bytes: [UInt8], _ what: String) throws {
            try folder.write(bytes, to: "bad")
            #expect(throws: CheckpointError.self, "\(what)") {
                try SequenceFile(path: folder.file("bad"), identity: identity)
            }
        }
        var random = SeededGenerator(seed: 3)
        for index in good.indices {
            var bad = good
            bad[index] ^= UInt8.random(in: 1...255, using: &random)
            try refuse(bad, "byte \(index)")
        }
        for count in good.indices { try refuse(Array(good[..<count]), "\(count) bytes") }
        for more in [[UInt8(0)], Array(good[..<8]), good] { try refuse(good + more, "\(more.count) bytes more") }
    }

    /// Each statement of a file is compared, and the error says what was found and what is required.
    @Test func otherOriginsAreRefused() throws {
        let retention = try retention(window: 6)
        let script = Script(Self.shape, count: 30, seed: 4)
        let folder = try TemporaryFolder()
        let path = folder.file("sequence")
        let cache = try cache(script, retention)
        try Player([0: script]).play(pieces: [20], cache)
        try cache.save(0, tokens: Self.tokens(20), identity: Self.identity(script, retention), to: path)
        let deeper = Script(Self.shape, layers: 3, count: 1, seed: 4)
        let wider = Script(AttentionShape(queryHeads: 8, keyValueHeads: 4, headDimension: 8), count: 1, seed: 4)
        let otherQueries = Script(AttentionShape(queryHeads: 8, keyValueHeads: 2, headDimension: 8), count: 1, seed: 4)
        let longer = Script(AttentionShape(queryHeads: 4, keyValueHeads: 2, headDimension: 16), count: 1, seed: 4)
        let cases: [(key: String, found: String, required: String, identity: SequenceIdentity)] = [
            ("weights_sha256", "abc", "abd", Self.identity(script, retention, weights: "abd")),
            ("window", "6", "7", Self.identity(script, try DMSCacheTests.retention(window: 7))),
            ("window", "6", "none", Self.identity(script, nil)),
            ("decision_shift", "0", "1", Self.identity(script, try DMSCacheTests.retention(window: 6, shift: 1))),
            ("precision", "fp32", "bf16", Self.identity(script, retention, precision: .bf16)),
            ("kv_dtype", "fp32", "fp8", Self.identity(script, retention, type: .float8)),
            ("layers", "2", "3", Self.identity(deeper, retention)),
            ("query_heads", "4", "8", Self.identity(wider, retention)),
            ("query_heads", "4", "8", Self.identity(otherQueries, retention)),
            ("head_dimension", "8", "16", Self.identity(longer, retention)),
            ("slots_per_page", "4", "8", Self.identity(script, retention, slotsPerPage: 8)),
            ("rows_per_block", "5", "6", Self.identity(script, retention, rowsPerBlock: 6)),
        ]
        for (key, found, required, identity) in cases {
            #expect(throws: CheckpointError(file: path, .key(key), found: found, required: required)) {
                try SequenceFile(path: path, identity: identity)
            }
        }
        // And a file that was opened for one cache does not get into another.
        let file = try SequenceFile(path: path, identity: Self.identity(script, retention))
        let other = try DMSCacheTests.cache(script, retention, Self.configuration(.int8))
        #expect(throws: ModelError("\(path): a sequence of another cache")) { try other.add(0, from: .file(file)) }
        let link = folder.file("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        _ = try SequenceFile(path: link, identity: Self.identity(script, retention))
        #expect(throws: CheckpointError.self) {
            try SequenceFile(path: link, identity: Self.identity(script, retention), followsLinks: false)
        }
    }

    /// What a budget does not allow is refused before anything changes, and what it allows is known before.
    @Test func restoringKeepsToTheBudget() throws {
        let retention = try retention(window: 6)
        let script = Script(Self.shape, count: 200, rate: 0.4, seed: 5)
        let folder = try TemporaryFolder()
        let path = folder.file("sequence")
        let identity = Self.identity(script, retention)
        let cache = try cache(script, retention)
        try Player([0: script]).play(pieces: [150], cache)
        try cache.save(0, tokens: Self.tokens(151), identity: identity, to: path)
        let file = try SequenceFile(path: path, identity: identity)
        var outcomes = Set<Bool>()
        for budget in stride(from: 20_000, to: 120_000, by: 777) {
            let small = try DMSCacheTests.cache(script, retention, Self.configuration(budget: budget))
            var batch = ForwardBatch()
            batch.append(sequence: 0, tokens: Self.tokens(50), firstPosition: 150)
            let fits = small.fits(batch.spans, starting: [0: .file(file)])
            outcomes.insert(fits)
            small.start(0, from: .file(file))
            if fits {
                try Player([0: script], positions: [0: 150]).pass([(0, 50)], small)
            } else {
                #expect(throws: CacheError.self) { try small.begin(batch) }
                #expect(small.report().allocatedBytes == 0)
            }
            try small.checkInvariants()
            #expect(small.report().peakAllocatedBytes <= budget)
        }
        #expect(outcomes.count == 2)
    }

    @Test func whatCannotBeSaved() throws {
        let script = Script(Self.shape, count: 30, seed: 6)
        let retention = try retention(window: 4)
        let cache = try cache(script, retention)
        let identity = Self.identity(script, retention)
        let folder = try TemporaryFolder()
        #expect(throws: ModelError("sequence 3 is not in the cache")) {
            try cache.save(3, tokens: [1], identity: identity, to: folder.file("x"))
        }
        try Player([0: script]).play(pieces: [10], cache)
        #expect(throws: CheckpointError.self) {
            try cache.save(0, tokens: Self.tokens(10), identity: identity, to: folder.file("nowhere/x"))
        }
        let player = Player([0: script], positions: [0: 10])
        #expect(throws: Interruption.self) { try player.play(pieces: [7], Interrupted(cache, layer: 1)) }
        #expect(throws: ModelError("sequence 0: its last pass did not finish")) {
            try cache.save(0, tokens: Self.tokens(10), identity: identity, to: folder.file("x"))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
}
