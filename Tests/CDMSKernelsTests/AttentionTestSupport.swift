import CDMSKernels
import DMSTestSupport

enum KernelContext {
    /// Calls `body` with a context that exists as long as the call.
    static func with<Result>(_ isa: dms_isa, threads: Int = 1, _ body: (OpaquePointer) -> Result) -> Result {
        guard let context = dms_context_new(isa, Int32(threads)) else { fatalError("no context for \(isa)") }
        defer { dms_context_free(context) }
        return body(context)
    }

    /// Every version this processor can run, the portable one first, and what differs from it in linear layers alone
    /// left to their tests.
    static let instructionSets: [dms_isa] = linearInstructionSets.filter { $0 != DMS_ISA_PORTABLE_TILES }
    static let linearInstructionSets: [dms_isa] = (0..<UInt32(DMS_ISA_COUNT)).map { dms_isa(rawValue: $0) }
        .filter { dms_isa_available($0) == 1 }
}

extension dms_isa {
    var name: String { String(cString: dms_isa_name(self)) }
}

/// Memory that lives as long as this object.
final class TestMemory {
    private var blocks: [UnsafeMutableRawPointer] = []

    func copy<T: BitwiseCopyable>(_ elements: [T]) -> UnsafeMutablePointer<T> {
        let block = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, elements.count) * MemoryLayout<T>.stride, alignment: 64)
        blocks.append(block)
        return block.initializeMemory(as: T.self, from: elements, count: elements.count)
    }

    deinit { for block in blocks { block.deallocate() } }
}

/// What the bits of an element stand for, by the definition of its format and nothing of the kernels'.
enum ReferenceElement {
    static func value(_ bits: Int, exponentBits: Int, mantissaBits: Int) -> Double {
        let exponent = (bits >> mantissaBits) & ((1 << exponentBits) - 1)
        let mantissa = bits & ((1 << mantissaBits) - 1)
        let sign = (bits >> (exponentBits + mantissaBits)) & 1 == 1 ? -1.0 : 1.0
        let bias = (1 << (exponentBits - 1)) - 1
        let fraction = Double(mantissa) / Double(1 << mantissaBits)
        if exponent == 0 { return sign * fraction * Double(sign: .plus, exponent: 1 - bias, significand: 1) }
        return sign * Double(sign: .plus, exponent: exponent - bias, significand: 1 + fraction)
    }

    static func fp8(_ code: UInt8) -> Double {
        code & 0x7f == 0x7f ? .nan : value(Int(code), exponentBits: 4, mantissaBits: 3)
    }

    static func half(_ bits: UInt16) -> Double {
        let magnitude = bits & 0x7fff
        if magnitude > 0x7c00 { return .nan }
        if magnitude == 0x7c00 { return bits >> 15 == 1 ? -.infinity : .infinity }
        return value(Int(bits), exponentBits: 5, mantissaBits: 10)
    }

    /// The nearer of the two BF16 neighbours, the even one of two equally near.
    static func roundedToBF16(_ value: Float) -> Double {
        let low = value.bitPattern >> 16
        let below = Float(bitPattern: low << 16), above = Float(bitPattern: (low + 1) << 16)
        let toBelow = abs(Double(value) - Double(below)), toAbove = abs(Double(value) - Double(above))
        if toBelow == toAbove { return Double(low % 2 == 0 ? below : above) }
        return Double(toBelow < toAbove ? below : above)
    }
}

/// Rows of one KV head in a cache's element type, as the kernels store them.
struct StoredRows {
    var bytes: [UInt8]
    var scales: [Float]

    init(_ type: dms_dtype, _ rows: [Float], dim: Int, isa: dms_isa = DMS_ISA_PORTABLE) {
        let count = rows.count / dim
        bytes = Array(repeating: 0xee, count: rows.count * dms_dtype_size(type))
        scales = type == DMS_FP8_E4M3 || type == DMS_INT8 ? Array(repeating: -1, count: count) : []
        guard count > 0 else { return }
        let scaled = !scales.isEmpty
        KernelContext.with(isa) { context in
            scales.withUnsafeMutableBufferPointer { scales in
                let scales = scaled ? scales.baseAddress : nil
                dms_kv_store(context, type, rows, dim, count, dim, &bytes, scales)
            }
        }
    }

    /// The values the stored rows stand for.
    func widened(_ type: dms_dtype, dim: Int) -> [Double] {
        func word(_ index: Int) -> UInt16 { UInt16(bytes[2 * index]) | UInt16(bytes[2 * index + 1]) << 8 }
        return (0..<bytes.count / dms_dtype_size(type)).map { index in
            switch type {
            case DMS_F32:
                Double(Float(bitPattern: UInt32(word(2 * index)) | UInt32(word(2 * index + 1)) << 16))
            case DMS_BF16: Double(Float(bitPattern: UInt32(word(index)) << 16))
            case DMS_F16: ReferenceElement.half(word(index))
            case DMS_FP8_E4M3: ReferenceElement.fp8(bytes[index]) * Double(scales[index / dim])
            default: Double(Int8(bitPattern: bytes[index])) * Double(scales[index / dim])
            }
        }
    }
}
