import DMSTraining
import Testing

@Suite("The order of batches")
struct BatchOrderTests {
    /// The chunks of one epoch, batches laid end to end.
    private func epoch(_ number: Int, _ order: BatchOrder) -> [Int] {
        let size = order.chunksPerBatch
        let places = number * order.chunkCount..<(number + 1) * order.chunkCount
        return places.map { order.chunks(ofBatch: $0 / size)[$0 % size] }
    }

    @Test(
        "every chunk exactly once per epoch",
        arguments: [(1, 1), (2, 1), (3, 2), (4, 4), (5, 3), (16, 5), (17, 8), (100, 7), (1025, 32)])
    func coverage(chunks: Int, size: Int) {
        let order = BatchOrder(chunkCount: chunks, chunksPerBatch: size, seed: 7)
        for number in 0..<4 { #expect(epoch(number, order).sorted() == Array(0..<chunks)) }
    }

    @Test("a batch may be larger than the corpus")
    func largeBatch() {
        let order = BatchOrder(chunkCount: 3, chunksPerBatch: 7, seed: 1)
        #expect(
            (order.chunks(ofBatch: 0) + order.chunks(ofBatch: 1)).prefix(12).sorted().map { $0 } == [
                0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2,
            ])
    }

    @Test("the same seed gives the same order, another seed or epoch another")
    func seeds() {
        let order = BatchOrder(chunkCount: 200, chunksPerBatch: 8, seed: 3)
        #expect(epoch(0, order) == epoch(0, BatchOrder(chunkCount: 200, chunksPerBatch: 8, seed: 3)))
        #expect(epoch(0, order) != epoch(1, order))
        #expect(epoch(0, order) != epoch(0, BatchOrder(chunkCount: 200, chunksPerBatch: 8, seed: 4)))
        #expect(epoch(0, order) != Array(0..<200))
        // The order of chunks does not follow from how they are grouped.
        #expect(epoch(2, order) == epoch(2, BatchOrder(chunkCount: 200, chunksPerBatch: 3, seed: 3)))
    }

    /// Over many epochs each chunk must stand at each place as often as at any other.
    ///
    /// 8 x 8 counts of mean 500 and standard deviation 21: five deviations are exceeded by one of them with a
    /// probability below 1e-4, and the seed is fixed.
    @Test("no chunk prefers a place")
    func uniformity() {
        let order = BatchOrder(chunkCount: 8, chunksPerBatch: 8, seed: 11)
        var counts = [[Int]](repeating: [Int](repeating: 0, count: 8), count: 8)
        for number in 0..<4000 {
            for (place, chunk) in order.chunks(ofBatch: number).enumerated() { counts[place][chunk] += 1 }
        }
        for count in counts.joined() { #expect(abs(count - 500) < 105) }
    }

    @Test("n ranks that accumulate a batches see the chunks of one that accumulates n·a")
    func ranks() {
        let (rankCount, accumulation) = (3, 4)
        let single = BatchOrder(chunkCount: 50, chunksPerBatch: 2, seed: 5)
        let ranks = (0..<rankCount).map {
            BatchOrder(chunkCount: 50, chunksPerBatch: 2, seed: 5, rank: $0, rankCount: rankCount)
        }
        for step in 0..<6 {
            let dealt = ranks.flatMap { order in
                (0..<accumulation).flatMap { order.chunks(ofBatch: step * accumulation + $0) }
            }
            let whole = (0..<rankCount * accumulation).flatMap {
                single.chunks(ofBatch: step * rankCount * accumulation + $0)
            }
            #expect(dealt.sorted() == whole.sorted())
        }
    }
}
