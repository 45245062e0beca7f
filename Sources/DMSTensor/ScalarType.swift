import CDMSKernels

/// The type of one element in memory.
public enum ScalarType: Sendable, Hashable, CaseIterable {
    /// IEEE 754 single precision.
    case float32
    /// The upper half of a single: 8 bits of exponent, 7 of fraction.
    case bfloat16
    /// IEEE 754 half precision.
    case float16
    /// OCP e4m3, one FP32 scale per row. KV caches only.
    case float8
    /// Symmetric, one FP32 scale per row. KV caches only.
    case int8

    /// Bytes of one element, scales not counted.
    public var byteCount: Int {
        switch self {
        case .float32: 4
        case .bfloat16, .float16: 2
        case .float8, .int8: 1
        }
    }

    /// Whether every row carries a scale.
    public var isScaled: Bool { self == .float8 || self == .int8 }

    /// The name used on the command line and in reports.
    public var name: String {
        switch self {
        case .float32: "fp32"
        case .bfloat16: "bf16"
        case .float16: "fp16"
        case .float8: "fp8"
        case .int8: "int8"
        }
    }

    var kernelType: dms_dtype {
        switch self {
        case .float32: DMS_F32
        case .bfloat16: DMS_BF16
        case .float16: DMS_F16
        case .float8: DMS_FP8_E4M3
        case .int8: DMS_INT8
        }
    }
}

/// How products are computed.
///
/// Sums are FP32, of exact integers within a group of ``int8``.
public enum Precision: String, Sendable, Hashable, CaseIterable {
    /// Weights widened exactly, activations as they are. For parity with other implementations.
    case fp32
    /// BF16 weights, activations rounded to BF16 at the input of each linear layer.
    case bf16
    /// As ``bf16``, but activations that meet grouped weights of 8 or 4 bits are rounded to 8 bits, with a scale for each
    /// group of inputs that shares one in the weights. Products of a group are summed as integers, exactly.
    ///
    /// Matrices of BF16 are multiplied as with ``bf16``.
    case int8

    /// What keys and values are stored as unless something else is asked for.
    public var cacheType: ScalarType { self == .fp32 ? .float32 : .bfloat16 }

    var kernelPrecision: dms_precision {
        switch self {
        case .fp32: DMS_PRECISION_FP32
        case .bf16: DMS_PRECISION_BF16
        case .int8: DMS_PRECISION_INT8
        }
    }
}
