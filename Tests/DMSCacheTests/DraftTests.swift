import DMSCache
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Foundation
import Testing

/// Draft rows, and what is left of those that are taken back: nothing.
@Suite struct DraftTests {
    static let shape = SequenceTests.shape
    static let rules = [(0, 0), (0, 1), (1, 1), (3, 0), (9, 1), (20, 0), (1000, 1), (-1, 0)]

    static func configuration(
        _ type: ScalarType = .float32, slots: Int = 4, budget: Int? = nil, drafts: Int = 0
    ) -> CacheConfiguration {
        CacheConfiguration.checked(
            kvType: type, slotsPerPage: slots, budgetBytes: budget, rowsPerBlock: 5, draftRows: drafts)
    }

    /// Everything that a sequence is: keys, values, scales, flags and counts, as a file has them.
    static func bytes(_ sequence: Int, _ cache: CompactAttention, _ identity: SequenceIdentity) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let count = cache.tokenCount(of: sequence)
        try cache.save(
            sequence, tokens: SequenceFileTests.tokens(count), identity: identity, to: folder.file("sequence"))
        return try [UInt8](Data(contentsOf: URL(fileURLWithPath: folder.file("sequence"))))
    }

    /// One sequence in two caches: drafted in one, decoded token by token in the other.
    final class Twin {
        let sequence: Int
        let right: Script
        let wrong: Script
        var position = 0

        init(_ sequence: Int, count: Int, rate: Float, seed: UInt64) {
            self.sequence = sequence
            right = Script(DraftTests.shape, count: count, rate: rate, seed: seed)
            wrong = Script(DraftTests.shape, count: count, rate: 1 - rate, seed: seed &+ 1000)
        }

        func prompt(_ count: Int) -> DraftPart {
            DraftPart(
                sequence: sequence, position: 0, scripts: Array(repeating: right, count: count), rowByRow: false)
        }
    }

    /// After every draft the cache is, byte by byte, one that only ever saw what was accepted; and every draft row,
    /// right or wrong, saw what decode would have shown it.
    @Test(arguments: rules, [ScalarType.float32, .bfloat16, .int8])
    func equalsNeverHavingSeenThem(_ rule: (Int, Int), _ type: ScalarType) throws {
        let retention = rule.0 < 0 ? nil : try retention(window: rule.0, shift: rule.1)
        var random = SeededGenerator(seed: UInt64(3000 + rule.0))
        var takenBack = 0
        for trial in 0..<3 as Range<UInt64> {
            let slots = [1, 2, 4, 8][Int.random(in: 0..<4, using: &random)]
            let rate = Float.random(in: 0...1, using: &random)
            let twins = (0..<2).map { Twin($0, count: 90, rate: rate, seed: trial * 10 + UInt64($0)) }
            let identity = SequenceFileTests.identity(twins[0].right, retention, type: type, slotsPerPage: slots)
            let drafted = try cache(twins[0].right, retention, Self.configuration(type, slots: slots, drafts: 14))
            let plain = try cache(twins[0].right, retention, Self.configuration(type, slots: slots))
            for twin in twins {
                twin.position = Int.random(in: 1...40, using: &random)
                _ = try DraftPart.play([twin.prompt(twin.position)], drafted)
                _ = try DraftPart.play([twin.prompt(twin.position)], plain)
            }
            while twins.allSatisfy({ $0.position < 82 }) {
                takenBack += try round(twins, drafted, plain, &random)
                for twin in twins {
                    let name = twin.sequence
                    #expect(try Self.bytes(name, drafted, identity) == Self.bytes(name, plain, identity))
                    var usage = try #require(drafted.usage(of: name))
                    let expected = try #require(plain.usage(of: name))
                    // Tables grow ahead, in other steps for tokens that come together, and never shrink.
                    usage.allocatedBytes = expected.allocatedBytes
                    #expect(usage == expected)
                }
                #expect(drafted.report().pagesInUse == plain.report().pagesInUse)
                try drafted.checkInvariants()
            }
        }
        #expect(takenBack > 30)
    }

    /// A pass of drafts of both, perhaps beside a prompt, and the same decoded.
    ///
    /// - Returns: How many tokens were taken back.
    private func round(
        _ twins: [Twin], _ drafted: CompactAttention, _ plain: CompactAttention, _ random: inout SeededGenerator
    ) throws -> Int {
        let rows = twins.map { _ in Int.random(in: 0...7, using: &random) }
        let accepted = rows.map { Int.random(in: 0...$0, using: &random) }
        var parts = zip(twins, zip(rows, accepted)).map {
            DraftPart.draft(
                $0.sequence, at: $0.position, $0.right, $0.wrong, rows: $1.0, accepted: $1.1)
        }
        let hasPrompt = Int.random(in: 0..<4, using: &random) == 0
        if hasPrompt {
            let neighbour = Twin(7, count: 30, rate: 0.5, seed: 77)
            parts.insert(neighbour.prompt(Int.random(in: 2...30, using: &random)), at: 1)
        }
        var outputs = try DraftPart.play(parts, drafted)
        if hasPrompt {
            outputs.remove(at: 1)
            drafted.remove(7)
        }
        for index in twins.indices {
            let twin = twins[index]
            // What follows a guess that was right is compared with decode, what follows a wrong one with a fork's.
            try plain.fork(twin.sequence, as: 9)
            let scripts = parts.first { $0.sequence == index }?.scripts ?? []
            #expect(try DraftPart.decode(9, at: twin.position, scripts, plain) == outputs[index])
            plain.remove(9)
            let right = Array(repeating: twin.right, count: 1 + accepted[index])
            _ = try DraftPart.decode(twin.sequence, at: twin.position, right, plain)
        }
        for index in Bool.random(using: &random) ? [0, 1] : [1, 0] where rows[index] > 0 {
            drafted.settle(index, accepting: accepted[index])
        }
        for index in twins.indices { twins[index].position += 1 + accepted[index] }
        return zip(rows, accepted).reduce(0) { $0 + $1.0 - $1.1 }
    }

    /// Forks share full pages with their source; neither sees what the other guessed.
    @Test(arguments: [(2, 0), (6, 1), (-1, 0)])
    func sharedPagesStay(_ rule: (Int, Int)) throws {
        let retention = rule.0 < 0 ? nil : try retention(window: rule.0, shift: rule.1)
        var random = SeededGenerator(seed: 41)
        for trial in 0..<20 as Range<UInt64> {
            let twin = Twin(0, count: 80, rate: 0.3, seed: trial)
            let identity = SequenceFileTests.identity(twin.right, retention)
            let cache = try cache(twin.right, retention, Self.configuration(drafts: 8))
            _ = try DraftPart.play([twin.prompt(40)], cache)
            let before = try Self.bytes(0, cache, identity)
            try cache.fork(0, as: 1)
            var position = 40
            while position < 70 {
                let rows = Int.random(in: 1...8, using: &random)
                let accepted = Int.random(in: 0...rows, using: &random)
                let part = DraftPart.draft(
                    1, at: position, twin.right, twin.wrong, rows: rows, accepted: accepted)
                _ = try DraftPart.play([part], cache)
                cache.settle(1, accepting: accepted)
                position += 1 + accepted
                try cache.checkInvariants()
            }
            #expect(try Self.bytes(0, cache, identity) == before)
            cache.remove(1)
            #expect(try Self.bytes(0, cache, identity) == before)
        }
    }

    // MARK: Memory

    /// A pass with drafts begins exactly when it is said to fit, and the budget holds to the byte.
    @Test func budgetsHold() throws {
        let counts = try (0..<12 as Range<UInt64>).map { try refusals(seed: $0) }
        #expect(counts.count { $0 > 0 } > 4)
    }

    /// - Returns: How many passes did not fit.
    private func refusals(seed: UInt64) throws -> Int {
        var random = SeededGenerator(seed: seed)
        let budget = Int.random(in: 30_000...70_000, using: &random)
        let twins = (0..<4).map { Twin($0, count: 120, rate: seed % 2 == 0 ? 0 : 0.6, seed: seed + UInt64($0)) }
        let cache = try cache(
            twins[0].right, try retention(window: 7), Self.configuration(budget: budget, drafts: 6))
        var refused = 0
        for _ in 0..<150 {
            let twin = twins[Int.random(in: 0..<4, using: &random)]
            if twin.position > 100 {
                cache.remove(twin.sequence)
                twin.position = 0
            }
            let rows = twin.position == 0 ? 0 : Int.random(in: 0...6, using: &random)
            let accepted = Int.random(in: 0...rows, using: &random)
            let part =
                twin.position == 0
                ? twin.prompt(Int.random(in: 1...20, using: &random))
                : DraftPart.draft(
                    twin.sequence, at: twin.position, twin.right, twin.wrong, rows: rows, accepted: accepted)
            let fits = cache.fits(part.batch.spans)
            #expect(fits == (cache.worstCaseBytes(for: part.batch) <= cache.availableBytes))
            guard fits else {
                refused += 1
                #expect(throws: CacheError.self) { try cache.begin(part.batch) }
                cache.remove(twin.sequence)
                twin.position = 0
                continue
            }
            _ = try DraftPart.play([part], cache)
            if rows > 0 { cache.settle(twin.sequence, accepting: accepted) }
            twin.position += part.scripts.count - rows + accepted
            try cache.checkInvariants()
            #expect(cache.tokenCount(of: twin.sequence) == twin.position)
            #expect(cache.report().peakAllocatedBytes <= budget)
        }
        return refused
    }

    /// What is named as the worst case of a sequence suffices with drafts, though pages come and go.
    @Test(arguments: [1, 4, 32], [4, 10, 64])
    func boundsSuffice(_ slots: Int, _ dimension: Int) throws {
        let shape = AttentionShape(queryHeads: 2, keyValueHeads: 2, headDimension: dimension)
        let right = Script(shape, count: 150, rate: 0, seed: 3)
        let retention = try retention(window: 6)
        var random = SeededGenerator(seed: UInt64(slots * dimension))
        for trial in 0..<6 {
            let tokens = [2, 9, 40, 80, 149, 150][trial]
            var configuration = Self.configuration(slots: slots, drafts: 16)
            let bound = SequenceBound(
                shape: shape, layerCount: right.layers, configuration: configuration, retention: retention)
            #expect(bound.leastBytes(tokens: tokens) <= bound.worstCaseBytes(tokens: tokens))
            configuration.budgetBytes = bound.worstCaseBytes(tokens: tokens)
            let cache = try cache(right, retention, configuration)
            var position = 0
            while position < tokens {
                let rows = min(tokens - position - 1, Int.random(in: 0...16, using: &random))
                let accepted = Int.random(in: 0...rows, using: &random)
                let part = DraftPart.draft(0, at: position, right, right, rows: rows, accepted: rows)
                _ = try DraftPart.play([part], cache)
                if rows > 0 { cache.settle(0, accepting: accepted) }
                position += 1 + accepted
            }
            #expect(cache.tokenCount(of: 0) == tokens)
            let report = cache.report()
            // Keys and values of a token in FP32, a multiple of 64 bytes or rounded up to one, and 8 bytes more.
            let perToken = (2 * dimension * 4 + 63) / 64 * 64 + 8
            #expect(report.rollbackBytes == (16 * right.layers * 2 * perToken + 4095) / 4096 * 4096)
            #expect(
                report.allocatedBytes
                    == report.slabBytes + report.tableBytes + report.stagingBytes + report.rollbackBytes)
        }
    }

    @Test func noDraftsNoMemory() throws {
        let script = Script(Self.shape, count: 30, seed: 1)
        let cache = try cache(script, try retention(window: 4))
        try Player([0: script]).play(pieces: [20, 1, 1], cache)
        #expect(cache.report().rollbackBytes == 0 && cache.maximumDraftRows == 0)
    }

    // MARK: Order of calls

    @Test func whatIsOpenIsSettledFirst() throws {
        let twin = Twin(0, count: 40, rate: 0.5, seed: 5)
        let retention = try retention(window: 4)
        let cache = try cache(twin.right, retention, Self.configuration(drafts: 3))
        let identity = SequenceFileTests.identity(twin.right, retention)
        _ = try DraftPart.play([twin.prompt(20)], cache)
        let tooMany = DraftPart.draft(0, at: 20, twin.right, twin.wrong, rows: 4, accepted: 0)
        #expect(throws: ModelError("a pass of 4 draft rows; this cache takes 3")) { try cache.begin(tooMany.batch) }
        let draft = DraftPart.draft(0, at: 20, twin.right, twin.wrong, rows: 3, accepted: 1)
        _ = try DraftPart.play([draft], cache)
        #expect(cache.tokenCount(of: 0) == 24)
        let open = ModelError("sequence 0: its draft is not settled")
        #expect(throws: open) { try cache.fork(0, as: 1) }
        #expect(throws: open) { try Self.bytes(0, cache, identity) }
        #expect(throws: open) { try cache.begin(Twin(3, count: 9, rate: 0, seed: 1).prompt(4).batch) }
        try cache.checkInvariants()
        cache.settle(0, accepting: 1)
        #expect(cache.tokenCount(of: 0) == 22)
        _ = try DraftPart.decode(0, at: 22, [twin.right], cache)
        // A sequence with an open draft can go.
        let again = DraftPart.draft(0, at: 23, twin.right, twin.wrong, rows: 2, accepted: 0)
        _ = try DraftPart.play([again], cache)
        cache.remove(0)
        try cache.checkInvariants()
        #expect(cache.report().pagesInUse == 0)
        _ = try DraftPart.play([twin.prompt(5)], cache)
    }

    @Test func aPassThatFailsLeavesNothingOpen() throws {
        let twin = Twin(0, count: 40, rate: 0.5, seed: 6)
        let cache = try cache(twin.right, try retention(window: 4), Self.configuration(drafts: 3))
        _ = try DraftPart.play([twin.prompt(20)], cache)
        let draft = DraftPart.draft(0, at: 20, twin.right, twin.wrong, rows: 3, accepted: 1)
        #expect(throws: Interruption.self) { try DraftPart.play([draft], Interrupted(cache, layer: 1)) }
        cache.remove(0)
        try cache.checkInvariants()
        _ = try DraftPart.play([twin.prompt(20)], cache)
        _ = try DraftPart.play([draft], cache)
        cache.settle(0, accepting: 3)
        #expect(cache.tokenCount(of: 0) == 24)
    }

    @Test func theReferenceTakesNone() throws {
        let model = try TinyModel.make(try TinyModel.configuration(vocabulary: 97), dms: nil, seed: 1)
        let dense = DenseAttention(model)
        var batch = ForwardBatch()
        batch.append(sequence: 0, tokens: [1, 2], firstPosition: 0, rowByRow: true, draftRows: 1)
        #expect(throws: ModelError.self) { try dense.begin(batch) }
    }
}
