import DMSTestSupport
import Foundation
import Testing

@testable import DMSEvaluation

@Suite struct LogitRowTests {
    /// Runs `body` on rows made of two lists.
    func rows<R>(_ a: [Float], _ b: [Float], _ body: (LogitRow, LogitRow) -> R) -> R {
        var a = a
        var b = b
        return a.withUnsafeMutableBufferPointer { a in
            b.withUnsafeMutableBufferPointer { b in body(LogitRow(a), LogitRow(b)) }
        }
    }

    @Test func twoTokensInClosedForm() {
        // p = (3/4, 1/4), q = (1/2, 1/2): KL = ln 2 + 3/4 ln 3/4 + 1/4 ln 1/4.
        let kl = rows([Float(log(3.0)), 0], [7, 7]) { p, q in
            #expect(isNear(p.logProbability(0), log(0.75), 1e-7))
            #expect(isNear(q.logProbability(1), -log(2.0), 1e-12))
            #expect(p.best == 0 && q.best == 0)
            return p.divergence(to: q)
        }
        #expect(isNear(kl, log(2.0) + 0.75 * log(0.75) + 0.25 * log(0.25), 1e-7))
    }

    @Test(arguments: 0..<6 as Range<UInt64>)
    func equalsTheOracle(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let scale: Float = [0.01, 1, 5, 30, 80, 200][Int(seed)]
        for count in [1, 2, 3, 17, 127, 1000] {
            let a = (0..<count).map { _ in generator.normal() * scale }
            let b = a.map { $0 + generator.normal() * 0.1 * scale }
            let wide = (a.map(Double.init), b.map(Double.init))
            rows(a, b) { p, q in
                let expected = Oracle.logProbabilities(wide.0)
                for token in 0..<count {
                    #expect(isNear(p.logProbability(Int32(token)), expected[token], 1e-10 * Double(scale) + 1e-12))
                }
                let kl = Oracle.divergence(wide.0, wide.1)
                #expect(isNear(p.divergence(to: q), max(0, kl), 1e-9 * max(1, kl)))
                #expect(Int(p.best) == Oracle.best(wide.0))
            }
        }
    }

    @Test func equalRowsDivergeByExactlyNothing() {
        var generator = SeededGenerator(seed: 4)
        let row = (0..<333).map { _ in generator.normal() * 9 }
        #expect(rows(row, row) { $0.divergence(to: $1) } == 0)
    }

    @Test func theFirstOfEqualLogitsIsBest() {
        #expect(rows([1, 3, 3, 2], [0, 0, 0, 0]) { [$0.best, $1.best] } == [1, 0])
    }

    @Test func infiniteLogitsAreSeen() {
        rows([1, .infinity], [1, .nan]) { a, b in
            #expect(!a.logSumExp.isFinite)
            #expect(!b.logSumExp.isFinite)
        }
    }
}
