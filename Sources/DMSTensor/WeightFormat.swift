import CDMSKernels

/// What the weight of a linear layer is stored as.
public enum WeightFormat: Sendable, Hashable {
    /// Floats: `.float32`, `.bfloat16` or `.float16`.
    case floats(ScalarType)
    /// Integers of a few bits with a scale for each group of inputs.
    case grouped(GroupedFormat)
    /// The same in panels, for products of integers: in the precision `.int8` and no other
    /// (``InferenceKernels/arranged(_:for:layout:)``).
    case panels(GroupedFormat)
    /// BF16 in panels.
    case bfloat16Panels

    /// The name used on the command line and in reports.
    public var name: String {
        switch self {
        case .floats(let type): type.name
        case .grouped(let format), .panels(let format): format.type.rawValue
        case .bfloat16Panels: ScalarType.bfloat16.name
        }
    }

    /// Inputs that share a scale; `nil` for floats.
    public var groupSize: Int? {
        switch self {
        case .floats, .bfloat16Panels: nil
        case .grouped(let format), .panels(let format): format.groupSize
        }
    }

    var kernelType: dms_dtype {
        switch self {
        case .floats(let type): type.kernelType
        case .grouped(let format): format.type == .int8 ? DMS_GROUPED_INT8 : DMS_GROUPED_INT4
        case .panels(let format): format.type == .int8 ? DMS_PANELS_INT8 : DMS_PANELS_INT4
        case .bfloat16Panels: DMS_PANELS_BF16
        }
    }

    /// Bytes of a matrix, scales included.
    public func byteCount(outputs: Int, inputs: Int) -> Int {
        switch self {
        case .floats(let type): outputs * inputs * type.byteCount
        case .grouped(let format):
            format.codeBytes(outputs: outputs, inputs: inputs) + format.scaleBytes(outputs: outputs, inputs: inputs)
        case .panels, .bfloat16Panels: dms_panels_bytes(kernelType, outputs, inputs, groupSize ?? 0)
        }
    }

    /// The outputs of a panel, which is the unit that panels are laid out, stored and read in.
    public static let panelOutputs = DMS_PANELS_OUTPUTS

    /// Whether it is one of panels.
    public var isInPanels: Bool {
        switch self {
        case .floats, .grouped: false
        case .panels, .bfloat16Panels: true
        }
    }

    /// What a weight of this format is in panels; `nil` for floats other than BF16, and for panels.
    public var inPanels: WeightFormat? {
        switch self {
        case .floats(.bfloat16): .bfloat16Panels
        case .grouped(let format): .panels(format)
        case .floats, .panels, .bfloat16Panels: nil
        }
    }
}

/// Weights of a few bits: consecutive inputs of an output share a scale in BF16.
///
/// A weight is its code times the scale, symmetric around 0, and FP32 holds it exactly. Codes are stored with an offset
/// (128 or 8) in place of a sign; of two in a byte the first is in the low half.
public struct GroupedFormat: Sendable, Hashable {
    /// The bits of a code.
    public enum IntegerType: String, Sendable, Hashable, CaseIterable {
        case int8, int4

        public var bitWidth: Int { self == .int8 ? 8 : 4 }
    }

    /// The sizes that kernels know, in inputs.
    public static let groupSizes = [32, 64, 128]

    public let type: IntegerType
    public let groupSize: Int

    /// - Parameter groupSize: One of ``groupSizes``.
    public init(_ type: IntegerType, groupSize: Int) {
        precondition(Self.groupSizes.contains(groupSize), "groups of \(groupSize) inputs")
        self.type = type
        self.groupSize = groupSize
    }

    /// Bytes of a matrix's codes.
    public func codeBytes(outputs: Int, inputs: Int) -> Int { outputs * inputs * type.bitWidth / 8 }

    /// Bytes of a matrix's scales.
    public func scaleBytes(outputs: Int, inputs: Int) -> Int { outputs * (inputs / groupSize) * 2 }
}

/// How a group's scale is found when weights are rounded.
public enum ScaleChoice: String, Sendable, Hashable, CaseIterable {
    /// From the largest magnitude, so that nothing is cut off.
    case maximum
    /// Of twenty around that, the one that leaves the smallest sum of squared differences.
    case search
}
