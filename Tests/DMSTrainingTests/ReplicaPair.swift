import Foundation

@testable import DMSTraining

/// Two replicas in two threads of one process, summing in order of rank.
final class ReplicaPair: @unchecked Sendable {
    // Invariant for Sendable: everything is touched under `condition` only.
    private let condition = NSCondition()
    private var deposits: [Int: [Double]] = [:]
    private var total: [Double] = []
    private var collected = 0
    private var isFinished = false

    func member(_ rank: Int) -> any Replicas { Member(rank: rank, pair: self) }

    func finish() {
        condition.withLock {
            isFinished = true
            condition.broadcast()
        }
    }

    func waitUntilFinished() {
        condition.withLock { while !isFinished { condition.wait() } }
    }

    fileprivate func sum(_ values: [Double], rank: Int) -> [Double] {
        condition.lock()
        defer { condition.unlock() }
        while deposits[rank] != nil { condition.wait() }
        deposits[rank] = values
        if deposits.count == 2, let first = deposits[0], let second = deposits[1] {
            total = zip(first, second).map { $0 + $1 }
            collected = 0
            condition.broadcast()
        }
        while deposits.count < 2 { condition.wait() }
        let result = total
        collected += 1
        if collected == 2 {
            deposits = [:]
            condition.broadcast()
        } else {
            while collected < 2 { condition.wait() }
        }
        return result
    }

    private final class Member: Replicas {
        let rank: Int
        let count = 2
        private let pair: ReplicaPair

        init(rank: Int, pair: ReplicaPair) {
            self.rank = rank
            self.pair = pair
        }

        func sum(_ values: UnsafeMutablePointer<Float>, count: Int) {
            let sums = pair.sum((0..<count).map { Double(values[$0]) }, rank: rank)
            for index in 0..<count { values[index] = Float(sums[index]) }
        }

        func sum(_ values: [Double]) -> [Double] { pair.sum(values, rank: rank) }

        func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {
            // Only process 0 adds anything to the sum.
            let sums = pair.sum(bytes.map { rank == 0 ? Double($0) : 0 }, rank: rank)
            for index in bytes.indices { bytes[index] = UInt8(sums[index]) }
        }

        func barrier() { _ = pair.sum([0], rank: rank) }
        func leave() {}
    }
}
