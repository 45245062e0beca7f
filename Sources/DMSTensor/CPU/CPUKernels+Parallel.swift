import CDMSKernels

extension CPUKernels {
    public func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            var job = Job(body: body)
            withUnsafeMutablePointer(to: &job) { job in
                dms_parallel(
                    context, count,
                    { info, index, _ in info?.assumingMemoryBound(to: Job.self).pointee.body(index) }, job)
            }
        }
    }

    public func forEach(_ count: Int, _ work: any ParallelWork) {
        var work = work
        withUnsafeMutablePointer(to: &work) { work in
            dms_parallel(
                context, count,
                { info, index, _ in info?.assumingMemoryBound(to: (any ParallelWork).self).pointee.work(at: index) },
                work)
        }
    }
}

/// A closure with an address, to be passed through C.
private struct Job {
    let body: @Sendable (Int) -> Void
}
