import DMSTestSupport
import Testing

@testable import DMSEngine

@Suite("Rows of logits")
struct LogitRowTests {
    private static let lengths = [1, 2, 15, 16, 17, 31, 32, 33, 100]

    @Test("the largest is the first of the largest, wherever it stands", arguments: lengths)
    func largest(count: Int) {
        var random = SeededGenerator(seed: UInt64(count))
        for _ in 0..<50 {
            // Few values, so that there are ties.
            let row = (0..<count).map { _ in Float(Int.random(in: -3...3, using: &random)) }
            var expected = 0
            for index in row.indices where row[index] > row[expected] { expected = index }
            #expect(row.withUnsafeBufferPointer { $0.largestIndex } == expected)
        }
        let nothing = [Float](repeating: -.infinity, count: count)
        #expect(nothing.withUnsafeBufferPointer { $0.largestIndex } == 0)
    }

    @Test("the first that is no finite number is found, wherever it stands", arguments: lengths)
    func notFinite(count: Int) {
        for place in 0..<count {
            for value in [Float.nan, .infinity, -.infinity] {
                var row = [Float](repeating: .greatestFiniteMagnitude, count: count)
                #expect(row.withUnsafeBufferPointer { $0.firstNotFinite } == nil)
                row[count - 1] = .infinity
                row[place] = value
                #expect(row.withUnsafeBufferPointer { $0.firstNotFinite } == place)
            }
        }
    }
}
