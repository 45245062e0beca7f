import Synchronization
import Testing

@testable import DMSTensor

@Suite struct ParallelWorkTests {
    private final class Visits: ParallelWork {
        let counts: Mutex<[Int]>

        init(_ count: Int) { counts = Mutex(Array(repeating: 0, count: count)) }

        func work(at index: Int) { counts.withLock { $0[index] += 1 } }
    }

    @Test(arguments: [1, 3]) func everyPartIsDoneOnce(_ threads: Int) throws {
        let kernels = try CPUKernels(threads: threads)
        for count in [0, 1, 2, 50] {
            let visits = Visits(count)
            for _ in 0..<3 { kernels.forEach(count, visits) }
            #expect(visits.counts.withLock { $0 } == Array(repeating: 3, count: count))
        }
    }
}
