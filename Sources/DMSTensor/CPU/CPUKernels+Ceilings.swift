import CDMSKernels

extension CPUKernels {
    /// Bytes per second that all threads of this backend read together, from `memory`.
    public func measureReadBandwidth(_ memory: HostBuffer) -> Double {
        Double(memory.byteCount) / dms_measure_read(context, memory.pointer, memory.byteCount)
    }

    /// Operations (multiplications and additions) per second that all threads reach together from registers.
    public func measureArithmetic(_ precision: Precision, multiplyAddsPerThread: Int) -> Double {
        var operations = 0.0
        let seconds = dms_measure_arithmetic(
            context, precision.kernelPrecision, multiplyAddsPerThread, &operations)
        return operations / seconds
    }
}
