import CDMSKernels
import DMSTestSupport

/// One linear layer with random contents: rows and outputs lie apart by a stride, and the gaps hold guards.
struct LinearProblem: CustomStringConvertible {
    var rows: Int
    var inputs: Int
    var outputs: Int
    var precision = DMS_PRECISION_FP32
    var type = DMS_F32
    var hasBias = false
    var accumulates = false
    /// Elements between the 64-byte boundary and the first weight; words of codes for grouped weights.
    var weightOffset = 0
    /// Inputs that share a scale, for grouped weights.
    var group = 32
    /// Whether BF16 weights lie in panels.
    var hasPanelsOfFloats = false

    private(set) var x: [Float] = []
    private(set) var bias: [Float] = []
    private(set) var initial: [Float] = []
    /// The weights' bits: 32 of them for FP32, 16 for BF16 and FP16, a code for grouped weights.
    private(set) var weights: [UInt32] = []
    /// BF16 bits, for grouped weights.
    private(set) var scales: [UInt16] = []
    var isGrouped: Bool { type == DMS_GROUPED_INT8 || type == DMS_GROUPED_INT4 }

    var xStride: Int { inputs + 3 }
    var yStride: Int { outputs + 5 }
    static let guardValue: Float = -12345

    var description: String {
        "rows \(rows), inputs \(inputs), outputs \(outputs), precision \(precision.rawValue), type \(type.rawValue)"
            + (isGrouped ? ", group \(group)" : "") + (hasPanelsOfFloats ? ", in panels" : "")
    }

    mutating func fill(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        x = (0..<rows * xStride).map { _ in generator.signed() }
        bias = (0..<outputs).map { _ in generator.signed() }
        initial = (0..<rows * yStride).map { index in
            index % yStride < outputs ? generator.signed() : Self.guardValue
        }
        weights = (0..<outputs * inputs).map { _ in Self.weight(generator.signed(), type, &generator) }
        guard isGrouped else { return }
        // Products of about one, of either sign.
        let unit: Float = type == DMS_GROUPED_INT8 ? 1.0 / 128 : 1.0 / 8
        scales = (0..<outputs * inputs / group).map { _ in
            UInt16(truncatingIfNeeded: (generator.signed() * unit).bitPattern >> 16)
        }
    }

    private static func weight(_ value: Float, _ type: dms_dtype, _ generator: inout SeededGenerator) -> UInt32 {
        switch type {
        case DMS_BF16: return value.bitPattern >> 16
        case DMS_F16:
            // Exponents of 2^-6 to 2^-1, and now and then a subnormal.
            let random = UInt32(truncatingIfNeeded: generator.next())
            let exponent = random >> 16 % 16 == 0 ? 0 : 9 + random >> 20 % 6
            return random & 0x83ff | exponent << 10
        case DMS_GROUPED_INT8: return UInt32(truncatingIfNeeded: generator.next() & 255)
        case DMS_GROUPED_INT4: return UInt32(truncatingIfNeeded: generator.next() & 15)
        default: return value.bitPattern
        }
    }

    /// Whether a call takes them in panels.
    var isInPanels: Bool { hasPanelsOfFloats || isGrouped && precision == DMS_PRECISION_INT8 }

    /// The codes as they lie in memory.
    var packedCodes: [UInt8] {
        if type == DMS_GROUPED_INT8 { return weights.map { UInt8($0) } }
        return stride(from: 0, to: weights.count, by: 2).map { UInt8(weights[$0] | weights[$0 + 1] << 4) }
    }

    mutating func setX(_ row: Int, _ input: Int, to value: Float) { x[row * xStride + input] = value }
    mutating func setScale(_ output: Int, _ group: Int, bits: UInt16) {
        scales[output * (inputs / self.group) + group] = bits
    }
    mutating func takeInputs(of other: LinearProblem) { x = other.x }
    mutating func setWeight(_ output: Int, _ input: Int, bits: UInt32) { weights[output * inputs + input] = bits }
}

/// A problem's arrays in memory, for any number of calls.
final class PlacedLinear {
    let problem: LinearProblem
    let x: UnsafePointer<Float>
    let weight: UnsafeRawPointer
    let bias: UnsafePointer<Float>
    let scales: UnsafePointer<UInt16>
    private let memory = TestMemory()

    init(_ problem: LinearProblem) {
        self.problem = problem
        x = UnsafePointer(memory.copy(problem.x))
        bias = UnsafePointer(memory.copy(problem.bias))
        scales = UnsafePointer(memory.copy(problem.scales))
        let offset = problem.weightOffset
        if problem.isInPanels {
            let panels = [UInt8](repeating: 0, count: offset * 2) + problem.panels
            weight = UnsafeRawPointer(memory.copy(panels)) + offset * 2
        } else if problem.isGrouped {
            let codes = [UInt8](repeating: 0, count: offset * 4) + problem.packedCodes
            weight = UnsafeRawPointer(memory.copy(codes)) + offset * 4
        } else if problem.type == DMS_F32 {
            weight = UnsafeRawPointer(memory.copy(Array(repeating: 0, count: offset) + problem.weights) + offset)
        } else {
            let halves = problem.weights.map { UInt16($0) }
            weight = UnsafeRawPointer(memory.copy(Array(repeating: 0, count: offset) + halves) + offset)
        }
    }

    /// y, guards included, after a call with the rows of `range` (all of them when nil).
    func run(_ context: OpaquePointer, rows range: Range<Int>? = nil) -> [Float] {
        let range = range ?? 0..<problem.rows, stride = problem.yStride
        var y = Array(problem.initial[range.lowerBound * stride..<range.upperBound * stride])
        y.withUnsafeMutableBufferPointer { y in
            // An empty array has no address; a call without rows does not look at it.
            guard let base = y.baseAddress else { return }
            let output = problem.layer(weight: weight, bias: bias, scales: scales, y: base)
            LinearProblem.call(
                context, problem, x: x + range.lowerBound * problem.xStride, rows: range.count, [output])
        }
        return y
    }
}

extension LinearProblem {
    func run(_ context: OpaquePointer, rows range: Range<Int>? = nil) -> [Float] {
        PlacedLinear(self).run(context, rows: range)
    }

    func layer(
        weight: UnsafeRawPointer, bias: UnsafePointer<Float>, scales: UnsafePointer<UInt16>,
        y: UnsafeMutablePointer<Float>
    ) -> dms_linear_output {
        dms_linear_output(
            weight: weight,
            weight_type: isInPanels ? panelType : type,
            bias: hasBias ? bias : nil, out_features: outputs, y: y, y_stride: yStride,
            accumulate: accumulates ? 1 : 0, scales: isGrouped && !isInPanels ? scales : nil,
            group: isGrouped ? group : 0)
    }

    private var panelType: dms_dtype {
        type == DMS_BF16 ? DMS_PANELS_BF16 : type == DMS_GROUPED_INT8 ? DMS_PANELS_INT8 : DMS_PANELS_INT4
    }

    static func call(
        _ context: OpaquePointer, _ problem: LinearProblem, x: UnsafePointer<Float>, rows: Int,
        _ outputs: [dms_linear_output]
    ) {
        let bytes = dms_linear_scratch_bytes(context, rows, problem.inputs, problem.precision)
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: max(64, bytes), alignment: 64)
        defer { scratch.deallocate() }
        outputs.withUnsafeBufferPointer { outputs in
            var arguments = dms_linear_args(
                x: x, x_stride: problem.xStride, rows: rows, in_features: problem.inputs,
                precision: problem.precision, outputs: outputs.baseAddress, output_count: outputs.count,
                scratch: scratch, scratch_bytes: bytes)
            dms_linear(context, &arguments)
        }
    }
}

// MARK: The definition, in FP64

extension LinearProblem {
    /// What y should be, and how far off each element may be.
    struct Expected {
        var y: [Double] = []
        var tolerance: [Double] = []
    }

    func expected() -> Expected {
        let wideX = multipliedInputs
        let wideWeights = weights.enumerated().map { index, bits -> Double in
            func scale() -> Double { Double(Float(bitPattern: UInt32(scales[index / group]) << 16)) }
            switch type {
            case DMS_GROUPED_INT8: return (Double(bits) - 128) * scale()
            case DMS_GROUPED_INT4: return (Double(bits) - 8) * scale()
            case DMS_BF16: return Double(Float(bitPattern: bits << 16))
            case DMS_F16: return ReferenceElement.half(UInt16(bits))
            default: return Double(Float(bitPattern: bits))
            }
        }
        var expected = Expected()
        for row in 0..<rows {
            for column in 0..<yStride {
                let start = initial[row * yStride + column]
                guard column < outputs else {
                    expected.y.append(Double(start))
                    expected.tolerance.append(0)
                    continue
                }
                let (sum, size) = Self.product(wideX, row * xStride, wideWeights, column * inputs, inputs)
                let added = (accumulates ? Double(start) : 0) + (hasBias ? Double(bias[column]) : 0)
                expected.y.append(sum + added)
                // Rounding errors of K steps add up like a random walk whose steps are half a unit of partial sums
                // about as large as the norm of the products.
                let steps = Double(inputs + 3).squareRoot()
                expected.tolerance.append(4 * 0x1p-24 * steps * (size + 2))
            }
        }
        return expected
    }

    /// The inputs that a precision multiplies.
    private var multipliedInputs: [Double] {
        switch precision {
        case DMS_PRECISION_FP32: return x.map { Double($0) }
        case DMS_PRECISION_INT8 where isGrouped: break
        default: return x.map { ReferenceElement.roundedToBF16($0) }
        }
        var rounded = x.map { Double($0) }
        for row in 0..<rows {
            for first in stride(from: row * xStride, to: row * xStride + inputs, by: group) {
                let largest = x[first..<first + group].map(abs).max() ?? 0
                guard largest > 0 else { continue }
                let inverse = 127 / largest, scale = Double(largest / 127)
                for index in first..<first + group {
                    rounded[index] = Double((x[index] * inverse).rounded(.toNearestOrEven)) * scale
                }
            }
        }
        return rounded
    }

    private static func product(
        _ a: [Double], _ aStart: Int, _ b: [Double], _ bStart: Int, _ count: Int
    ) -> (sum: Double, norm: Double) {
        var sum = 0.0, squares = 0.0
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                var k = 0
                while k < count {
                    let term = a[aStart + k] * b[bStart + k]
                    sum += term
                    squares += term * term
                    k += 1
                }
            }
        }
        return (sum, squares.squareRoot())
    }
}
