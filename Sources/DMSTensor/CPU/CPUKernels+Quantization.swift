import CDMSKernels

extension CPUKernels {
    /// Rounds rows of weights to a grouped format, a row to a thread.
    ///
    /// A group that holds an infinity or NaN gets the scale NaN. The result depends on nothing but the weights.
    ///
    /// - Parameters:
    ///   - weights: `[outputs, inputs]` without gaps between rows, `inputs` a multiple of the group size.
    ///   - codes: ``GroupedFormat/codeBytes(outputs:inputs:)`` bytes.
    ///   - scales: `[outputs, inputs / groupSize]`.
    public func quantize(
        _ weights: MatrixView, format: GroupedFormat, scaleChoice: ScaleChoice, codes: UnsafeMutableRawPointer,
        scales: UnsafeMutablePointer<UInt16>
    ) {
        precondition(
            weights.stride == weights.columns && weights.columns % format.groupSize == 0,
            "groups of \(format.groupSize) of \(weights.columns) inputs")
        dms_quantize(
            context, weights.pointer, weights.rows, weights.columns, WeightFormat.grouped(format).kernelType,
            format.groupSize, scaleChoice == .search ? 1 : 0, codes, scales)
    }
}
