import DMSTestSupport
import Testing

@testable import DMSEngine

/// What is guessed, against a search through all places.
@Suite("Prompt lookup")
struct PromptLookupTests {
    private static func tokens(_ count: Int, of vocabulary: Int32, _ random: inout SeededGenerator) -> [Int32] {
        (0..<count).map { _ in Int32.random(in: 0..<vocabulary, using: &random) - 1 }
    }

    /// Tokens behind an earlier place that agrees in the most tokens with the end, the latest of them.
    private static func expected(_ tokens: [Int32], shortest: Int, longest: Int, limit: Int) -> [Int32] {
        var best = (place: 0, length: shortest - 1)
        for place in stride(from: tokens.count - 1, to: 0, by: -1) {
            var length = 0
            while length < min(longest, place), tokens[place - 1 - length] == tokens[tokens.count - 1 - length] {
                length += 1
            }
            if length > best.length { best = (place, length) }
        }
        if best.place == 0 { return [] }
        var known = tokens
        for offset in 0..<limit { known.append(known[best.place + offset]) }
        return Array(known.suffix(limit))
    }

    @Test("the latest of the longest matches, goes on with itself", arguments: [1, 2, 3], [3, 5])
    func equalsASearch(shortest: Int, longest: Int) {
        var random = SeededGenerator(seed: UInt64(shortest * 10 + longest))
        var guesses = 0
        for _ in 0..<2000 {
            // So few that every place is looked at.
            let tokens = Self.tokens(Int.random(in: 0...PromptLookup.candidates, using: &random), of: 4, &random)
            let limit = Int.random(in: 1...12, using: &random)
            var lookup = PromptLookup(shortest: shortest, longest: longest)
            lookup.extend(to: tokens)
            let guess = lookup.guess(after: tokens, limit: limit)
            #expect(guess == Self.expected(tokens, shortest: shortest, longest: longest, limit: limit), "\(tokens)")
            if !guess.isEmpty { guesses += 1 }
        }
        #expect(guesses > 100)
    }

    @Test("long sequences: token by token as at once, and every guess follows a match")
    func longSequences() {
        var random = SeededGenerator(seed: 4)
        for vocabulary in [2, 50, 5000] as [Int32] {
            let tokens = Self.tokens(3000, of: vocabulary, &random)
            var gradual = PromptLookup(shortest: 2, longest: 8)
            var found = 0
            for count in 0...tokens.count {
                let known = Array(tokens[0..<count])
                gradual.extend(to: known)
                guard count % 37 == 0 else { continue }
                var atOnce = PromptLookup(shortest: 2, longest: 8)
                atOnce.extend(to: known)
                let guess = gradual.guess(after: known, limit: 6)
                #expect(guess == atOnce.guess(after: known, limit: 6))
                if guess.isEmpty { continue }
                found += 1
                #expect(guess.count == 6)
                let isSomewhere = (2..<count).contains { place in
                    known[place - 2] == known[count - 2] && known[place - 1] == known[count - 1]
                        && known[place] == guess[0]
                }
                #expect(isSomewhere)
            }
            #expect(vocabulary == 5000 ? found < 5 : found > 15, "\(vocabulary): \(found)")
        }
    }

    @Test("nothing is guessed without a match or room")
    func nothing() {
        var lookup = PromptLookup(shortest: 2, longest: 4)
        #expect(lookup.guess(after: [], limit: 5).isEmpty)
        lookup.extend(to: [1, 2, 3, 4, 1])
        #expect(lookup.guess(after: [1, 2, 3, 4, 1], limit: 5).isEmpty)
        lookup.extend(to: [1, 2, 3, 4, 1, 2])
        #expect(lookup.guess(after: [1, 2, 3, 4, 1, 2], limit: 3) == [3, 4, 1])
        #expect(lookup.guess(after: [1, 2, 3, 4, 1, 2], limit: 0).isEmpty)
    }

    @Test("how much is guessed follows how much was right")
    func limits() throws {
        var drafts = SequenceDrafts(try SpeculationParameters(maximumDraft: 8, shortestMatch: 1))
        let tokens = [Int32](repeating: 7, count: 20)
        drafts.propose(after: tokens, room: 100)
        #expect(drafts.draft == Array(repeating: 7, count: 8))
        drafts.note(accepted: 0)
        drafts.propose(after: tokens, room: 100)
        #expect(drafts.draft.count == 1)
        drafts.note(accepted: 1)
        drafts.propose(after: tokens + [7], room: 100)
        #expect(drafts.draft.count == 3)
        drafts.propose(after: tokens + [7], room: 2)
        #expect(drafts.draft.count == 2)
        drafts.note(accepted: 7)
        #expect(drafts.limit == 8)
    }

    @Test("parameters out of range are refused by name")
    func parameters() throws {
        #expect(throws: ParameterError(field: "maximumDraft", found: "0", required: "1 to 64")) {
            try SpeculationParameters(maximumDraft: 0)
        }
        #expect(throws: ParameterError.self) { try SpeculationParameters(maximumDraft: 65) }
        #expect(throws: ParameterError.self) { try SpeculationParameters(maximumDraft: 1, shortestMatch: 0) }
        #expect(throws: ParameterError.self) {
            try SpeculationParameters(maximumDraft: 1, shortestMatch: 4, longestMatch: 3)
        }
        #expect(throws: ParameterError.self) { try SpeculationParameters(maximumDraft: 1, maximumStreams: 0) }
        #expect(try SpeculationParameters(maximumDraft: 4, maximumStreams: 3).draftRows == 12)
    }
}
