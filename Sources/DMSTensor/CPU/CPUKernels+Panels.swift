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
        let skipped = outputs.lowerBound * weight.inputs
        let group = weight.format.groupSize ?? 0
        let rows = weight.pointer + skipped * weight.format.bits / 8
        dms_pack_panels(
            context, weight.format.kernelType, rows, weight.scales.map { $0 + skipped / group }, outputs.count,
            weight.inputs, group, panels)
    }
}

extension WeightFormat {
    /// Bits of a weight that lies in rows, scales left out.
    fileprivate var bits: Int {
        switch self {
        case .floats(let type): type.byteCount * 8
        case .grouped(let format), .panels(let format): format.type.bitWidth
        case .bfloat16Panels: 16
        }
    }
}
