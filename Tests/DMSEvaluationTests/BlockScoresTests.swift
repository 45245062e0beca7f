import DMSModel
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEvaluation

@Suite struct BlockScoresTests {
    @Test("scores and divergences are those of the rows, and have the same bits for any number of threads")
    func threads() throws {
        var generator = SeededGenerator(seed: 5)
        let matrices = try (0..<3).map { _ in
            let matrix = try OwnedMatrix(rows: 37, columns: 301)
            for row in 0..<37 {
                for column in 0..<301 { matrix.view[row, column] = Float.random(in: -20...20, using: &generator) }
            }
            return matrix
        }
        let pairs = [(0, 1), (2, 0), (1, 1)].map { CorpusEvaluation.Pair(reference: $0.0, subject: $0.1) }
        for threads in [1, 2, 5] {
            let kernels = try CPUKernels(threads: threads)
            let found = BlockScores(matrices.map(\.view), pairs: pairs, kernels: kernels)
            for position in 0..<37 {
                let rows = matrices.map { LogitRow($0.view.row(position)) }
                for (subject, row) in rows.enumerated() {
                    #expect(found.row(subject, at: position).logSumExp == row.logSumExp)
                    #expect(found.row(subject, at: position).best == row.best)
                }
                for (index, pair) in pairs.enumerated() {
                    let expected = rows[pair.reference].divergence(to: rows[pair.subject])
                    #expect(found.divergence(index, at: position) == expected)
                }
            }
        }
    }

    @Test("a whole evaluation gives the same figures for any number of threads")
    func evaluation() throws {
        let chunks = try EvaluationChunks(tokens: randomTokens(60, vocabulary: 97, seed: 3), length: 30)
        func figures(threads: Int) throws -> (Perplexity, [Divergence]) {
            let base = try TinyModel.make(TinyModel.configuration(), seed: 2, threads: threads)
            let model = try TinyModel.make(TinyModel.configuration(), seed: 4, threads: threads)
            let subjects = try [
                Subject(name: "base", runner: ModelRunner(base, passLength: 11), path: StrictPath(base)),
                Subject(name: "model", runner: ModelRunner(model, passLength: 8), path: CompactPath(model)),
            ]
            let pair = CorpusEvaluation.Pair(reference: 0, subject: 1)
            let result = try CorpusEvaluation(subjects: subjects, pairs: [pair]).run(chunks)
            return (result.subjects[1].perplexity, result.divergences)
        }
        let one = try figures(threads: 1)
        let three = try figures(threads: 3)
        #expect(one.0 == three.0)
        #expect(one.1 == three.1)
    }
}
