import CDMSKernels

extension CPUKernels {
    /// Tiles are made of rows of BF16, so with them panels of BF16 have to be asked for.
    public func takesPanels(_ format: WeightFormat, layout: WeightLayout) -> Bool {
        switch layout {
        case .rows: false
        case .panels: format.isInPanels
        case .stored: format.isInPanels && (format != .bfloat16Panels || instructionSet != .amx)
        }
    }

    /// Grouped integers become panels for products of integers, BF16 weights where the layout says so; everything else
    /// is used as it is.
    public func arranged(
        _ weight: LinearWeight, for precision: Precision, layout: WeightLayout
    ) throws(MemoryError) -> LinearWeight {
        let wants =
            switch weight.format {
            case .floats(.bfloat16): layout == .panels
            case .grouped: precision == .int8
            case .floats, .panels, .bfloat16Panels: false
            }
        guard wants, let format = weight.format.inPanels else { return weight }
        let panels = try HostBuffer(byteCount: format.byteCount(outputs: weight.outputs, inputs: weight.inputs))
        pack(weight, outputs: 0..<weight.outputs, into: panels.pointer)
        return LinearWeight(panels: panels, of: weight)
    }

    /// Lays some outputs of a weight out in panels, which are a piece of the panels of all.
    ///
    /// - Parameters:
    ///   - weight: Of a format that has panels (``WeightFormat/inPanels``).
    ///   - outputs: From a multiple of ``WeightFormat/panelOutputs`` on, to another one or the last output.
    ///   - panels: As many bytes as ``WeightFormat/byteCount(outputs:inputs:)`` says of so many outputs in panels.
    public func pack(_ weight: LinearWeight, outputs: Range<Int>, into panels: UnsafeMutableRawPointer) {
        precondition(
            weight.format.inPanels != nil && outputs.lowerBound % WeightFormat.panelOutputs == 0
                && outputs.upperBound <= weight.outputs, "outputs \(outputs) of a \(weight.format.name) weight")
        // Rows lie one behind the other, codes apart from scales.
        let (first, inputs) = (outputs.lowerBound, weight.inputs)
        let (skipped, group) =
            switch weight.format {
            case .grouped(let format): (format.codeBytes(outputs: first, inputs: inputs), format.groupSize)
            default: (weight.format.byteCount(outputs: first, inputs: inputs), 0)
            }
        let scales = weight.scales.map { $0 + first * (inputs / group) }
        dms_pack_panels(
            context, weight.format.kernelType, weight.pointer + skipped, scales, outputs.count, inputs, group, panels)
    }
}
