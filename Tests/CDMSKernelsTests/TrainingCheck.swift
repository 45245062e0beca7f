import CDMSKernels
import DMSTestSupport
import Testing

/// What the tests of training kernels have in common.
enum TrainingCheck {
    static func random(_ count: Int, _ amplitude: Float = 3, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in amplitude * generator.signed() }
    }

    /// Calls `body` with every instruction set and some numbers of threads; what it returns must be near `expected`,
    /// relative to 1 or to the number, and have the same bits for any number of threads.
    static func run(
        _ expected: [Double], tolerance: Double, _ what: String, _ body: (OpaquePointer) -> [Float]
    ) {
        for isa in KernelContext.instructionSets {
            let alone = KernelContext.with(isa, body)
            #expect(alone.count == expected.count, "\(what), \(isa.name)")
            let wrong = zip(alone, expected).enumerated().first { _, pair in
                !(abs(Double(pair.0) - pair.1) <= tolerance * max(1, abs(pair.1)))
            }
            if let wrong {
                Issue.record("\(what), \(isa.name): [\(wrong.offset)] is \(wrong.element.0), not \(wrong.element.1)")
            }
            for threads in [2, 3] {
                let got = KernelContext.with(isa, threads: threads, body)
                #expect(bits(got) == bits(alone), "\(what), \(isa.name), \(threads) threads")
            }
        }
    }

    /// The largest magnitude, for tolerances relative to a tensor.
    static func scale(_ values: [Double]) -> Double { values.reduce(0) { max($0, abs($1)) } }

    /// As Swift's arrays may lie one behind the other, a call that writes over its input needs the address twice.
    static func over<T>(_ values: inout [Float], _ body: (UnsafeMutablePointer<Float>) -> T) -> T {
        values.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { fatalError("an empty array") }
            return body(base)
        }
    }
}
