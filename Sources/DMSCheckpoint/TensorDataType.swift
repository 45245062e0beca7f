/// The element types that the safetensors format knows.
///
/// The cases stand in the format's own order, by which its writer sorts tensors: larger elements have later cases.
public enum TensorDataType: String, CaseIterable, Comparable, Sendable {
    /// Truth values of a byte.
    case boolean = "BOOL"
    /// Four bits, two to a byte.
    case float4 = "F4"
    /// Six bits: 2 of exponent, 3 of fraction.
    case float6E2M3 = "F6_E2M3"
    /// Six bits: 3 of exponent, 2 of fraction.
    case float6E3M2 = "F6_E3M2"
    /// Bytes without sign.
    case unsigned8 = "U8"
    /// Bytes with sign.
    case signed8 = "I8"
    /// FP8: 5 bits of exponent, 2 of fraction.
    case float8E5M2 = "F8_E5M2"
    /// FP8: 4 bits of exponent, 3 of fraction.
    case float8E4M3 = "F8_E4M3"
    /// Scales of 8 bits of exponent.
    case float8E8M0 = "F8_E8M0"
    /// FP8 without infinities and negative zero, 4 and 3 bits.
    case float8E4M3FNUZ = "F8_E4M3FNUZ"
    /// FP8 without infinities and negative zero, 5 and 2 bits.
    case float8E5M2FNUZ = "F8_E5M2FNUZ"
    /// Integers of 16 bits with sign.
    case signed16 = "I16"
    /// Integers of 16 bits without sign.
    case unsigned16 = "U16"
    /// IEEE 754 half precision.
    case float16 = "F16"
    /// The upper half of a single.
    case bfloat16 = "BF16"
    /// Integers of 32 bits with sign.
    case signed32 = "I32"
    /// Integers of 32 bits without sign.
    case unsigned32 = "U32"
    /// IEEE 754 single precision.
    case float32 = "F32"
    /// Pairs of singles.
    case complex64 = "C64"
    /// IEEE 754 double precision.
    case float64 = "F64"
    /// Integers of 64 bits with sign.
    case signed64 = "I64"
    /// Integers of 64 bits without sign.
    case unsigned64 = "U64"

    /// Bits of one element.
    public var bitWidth: Int {
        switch self {
        case .float4: 4
        case .float6E2M3, .float6E3M2: 6
        case .boolean, .unsigned8, .signed8, .float8E5M2, .float8E4M3, .float8E8M0, .float8E4M3FNUZ, .float8E5M2FNUZ:
            8
        case .signed16, .unsigned16, .float16, .bfloat16: 16
        case .signed32, .unsigned32, .float32: 32
        case .complex64, .float64, .signed64, .unsigned64: 64
        }
    }

    /// Whether the weights of a model may have this type (stored as integers they have others): BF16, F16 and F32.
    public var isWeightType: Bool { self == .bfloat16 || self == .float16 || self == .float32 }

    /// The bytes a tensor of this type takes.
    ///
    /// - Returns: `nil` when a dimension is negative, the product does not fit `Int`, or it is not a whole number of
    ///   bytes.
    public func byteCount(shape: [Int]) -> Int? {
        var elements = 1
        for dimension in shape {
            let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
            if overflow || dimension < 0 { return nil }
            elements = product
        }
        let (bits, overflow) = elements.multipliedReportingOverflow(by: bitWidth)
        return overflow || bits % 8 != 0 ? nil : bits / 8
    }

    public static func < (left: TensorDataType, right: TensorDataType) -> Bool { left.order < right.order }

    private static let orders = Dictionary(uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })
    private var order: Int { Self.orders[self]! }
}
