import CDMSKernels
import Testing

/// What the tasks of one fork saw.
///
/// Each index has its own slot, each thread its own counter, so plain stores suffice.
private final class Visits {
    let perIndex: UnsafeMutableBufferPointer<Int32>
    let perWorker: UnsafeMutableBufferPointer<Int32>

    init(indices: Int, workers: Int) {
        perIndex = .allocate(capacity: indices)
        perIndex.initialize(repeating: 0)
        perWorker = .allocate(capacity: workers * Visits.spacing)
        perWorker.initialize(repeating: 0)
    }

    deinit {
        perIndex.deallocate()
        perWorker.deallocate()
    }

    /// A cache line for each worker.
    static let spacing = 16

    var workerCounts: [Int32] { stride(from: 0, to: perWorker.count, by: Visits.spacing).map { perWorker[$0] } }

    /// Runs `count` tasks, each of which counts itself.
    func fork(_ context: OpaquePointer, _ count: Int) {
        let info = Unmanaged.passUnretained(self).toOpaque()
        dms_parallel(
            context, count,
            { info, index, worker in
                guard let info else { return }
                let visits = Unmanaged<Visits>.fromOpaque(info).takeUnretainedValue()
                visits.perIndex[index] += 1
                visits.perWorker[worker * Visits.spacing] += 1
            }, info)
    }
}

@Suite struct PoolTests {
    @Test(arguments: [1, 2, 3, 8]) func everyIndexRunsOnce(_ threads: Int) {
        KernelContext.with(DMS_ISA_PORTABLE, threads: threads) { context in
            #expect(dms_context_threads(context) == Int32(threads))
            for count in [0, 1, 2, 3, 7, 64, 1000] {
                let visits = Visits(indices: max(1, count), workers: threads)
                visits.fork(context, count)
                #expect(visits.perIndex.allSatisfy { $0 == 1 } || count == 0)
                #expect(visits.workerCounts.reduce(0, +) == Int32(count))
            }
        }
    }

    /// Many small forks, with pauses that let workers fall asleep: a lost wake-up would hang, a task taken from the
    /// wrong job would be counted twice.
    @Test(arguments: [2, 5]) func manyForks(_ threads: Int) {
        KernelContext.with(DMS_ISA_PORTABLE, threads: threads) { context in
            let visits = Visits(indices: 9, workers: threads)
            var forks = Array(repeating: Int32(0), count: 9)
            for round in 0..<20_000 {
                let count = 1 + round % 9
                visits.fork(context, count)
                for index in 0..<count { forks[index] += 1 }
                if round % 1000 == 0 { pause(microseconds: 300) }
            }
            #expect(Array(visits.perIndex) == forks)
            #expect(visits.workerCounts.reduce(0, +) == forks.reduce(0, +))
        }
    }

    private func pause(microseconds: Int) {
        let end = ContinuousClock.now + .microseconds(microseconds)
        while ContinuousClock.now < end {}
    }

    /// Several threads really work at once: each task waits until another has begun.
    @Test func tasksRunConcurrently() {
        KernelContext.with(DMS_ISA_PORTABLE, threads: 3) { context in
            let memory = Array(repeating: UInt8(1), count: 1 << 16)
            // The measurement starts when every thread has arrived, so it returns only if all of them do.
            for _ in 0..<20 { #expect(dms_measure_read(context, memory, memory.count) > 0) }
        }
    }

    @Test func contextsComeAndGo() {
        for round in 0..<200 {
            KernelContext.with(DMS_ISA_PORTABLE, threads: 1 + round % 6) { context in
                guard round % 3 != 0 else { return }  // freed before the workers ever ran a task
                let visits = Visits(indices: 8, workers: 6)
                visits.fork(context, 8)
                #expect(visits.perIndex.allSatisfy { $0 == 1 })
            }
        }
    }

    @Test func contextsRefuseWhatTheyCannotBe() {
        #expect(dms_context_new(DMS_ISA_PORTABLE, 0) == nil)
        #expect(dms_context_new(DMS_ISA_PORTABLE, -1) == nil)
        #expect(dms_context_new(DMS_ISA_PORTABLE, 1025) == nil)
        for raw in 0..<UInt32(DMS_ISA_COUNT) where dms_isa_available(dms_isa(rawValue: raw)) == 0 {
            #expect(dms_context_new(dms_isa(rawValue: raw), 1) == nil)
        }
        dms_context_free(nil)
    }

    @Test func instructionSets() {
        #expect(dms_isa_available(DMS_ISA_PORTABLE) == 1)
        #expect(dms_isa_available(dms_isa_best()) == 1)
        #expect(KernelContext.instructionSets.last == dms_isa_best())
        #expect(
            (0..<UInt32(DMS_ISA_COUNT)).map { dms_isa(rawValue: $0).name }
                == [
                    "portable", "neon", "avx2", "avx2-vnni", "avx512", "avx512-bf16", "amx", "portable-tiles",
                ])
        // Each version includes the ones below it.
        if dms_isa_available(DMS_ISA_AMX) == 1 { #expect(dms_isa_available(DMS_ISA_AVX512_BF16) == 1) }
        if dms_isa_available(DMS_ISA_AVX512_BF16) == 1 { #expect(dms_isa_available(DMS_ISA_AVX512) == 1) }
        if dms_isa_available(DMS_ISA_AVX512) == 1 { #expect(dms_isa_available(DMS_ISA_AVX2) == 1) }
        if dms_isa_available(DMS_ISA_AVX2_VNNI) == 1 { #expect(dms_isa_available(DMS_ISA_AVX2) == 1) }
        for isa in KernelContext.instructionSets {
            KernelContext.with(isa) { #expect(dms_context_isa($0) == isa) }
        }
    }

    @Test func ceilings() {
        for isa in KernelContext.instructionSets {
            KernelContext.with(isa, threads: 2) { context in
                for precision in [DMS_PRECISION_FP32, DMS_PRECISION_BF16, DMS_PRECISION_INT8] {
                    var operations = 0.0
                    let seconds = dms_measure_arithmetic(context, precision, 2_000_000, &operations)
                    // Two operations of two million pairs on two threads, up to one more round of the loop.
                    #expect(operations >= 8_000_000 && operations < 8_010_000)
                    // Between a very slow and an impossibly fast machine: the loop ran, and was not optimised away.
                    #expect(seconds > operations / 1e14 && seconds < 10)
                }
            }
        }
    }
}
