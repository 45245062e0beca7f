import CDMSKernels
import DMSTestSupport

/// One matrix product with random contents: lines of every matrix lie apart by a stride, and the gaps hold guards.
struct MatmulProblem: CustomStringConvertible {
    var rows: Int
    var columns: Int
    var depth: Int
    /// Whether the operand lies in memory as its transpose.
    var aIsTransposed = false
    var bIsTransposed = false
    var precision = DMS_PRECISION_FP32
    var accumulates = false

    private(set) var a: [Float] = []
    private(set) var b: [Float] = []
    private(set) var initial: [Float] = []

    static let guardValue: Float = -12345

    var description: String {
        "\(rows) x \(columns) x \(depth), transposed \(aIsTransposed) \(bIsTransposed), "
            + "precision \(precision.rawValue), accumulates \(accumulates)"
    }

    private var aStride: Int { (aIsTransposed ? rows : depth) + 3 }
    private var bStride: Int { (bIsTransposed ? depth : columns) + 2 }
    private var cStride: Int { columns + 5 }

    private func aIndex(_ row: Int, _ k: Int) -> Int { aIsTransposed ? k * aStride + row : row * aStride + k }
    private func bIndex(_ k: Int, _ column: Int) -> Int { bIsTransposed ? column * bStride + k : k * bStride + column }

    mutating func fill(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        // What lies in the gaps would show in every sum that it came into.
        a = Array(repeating: .nan, count: (aIsTransposed ? depth : rows) * aStride)
        b = Array(repeating: .nan, count: (bIsTransposed ? columns : depth) * bStride)
        for row in 0..<rows { for k in 0..<depth { a[aIndex(row, k)] = generator.signed() } }
        for k in 0..<depth { for column in 0..<columns { b[bIndex(k, column)] = generator.signed() } }
        initial = (0..<rows * cStride).map { index in
            index % cStride < columns ? generator.signed() : Self.guardValue
        }
    }

    mutating func setA(_ row: Int, _ k: Int, to value: Float) { a[aIndex(row, k)] = value }
    mutating func setB(_ k: Int, _ column: Int, to value: Float) { b[bIndex(k, column)] = value }

    /// c, guards included.
    func run(_ context: OpaquePointer) -> [Float] {
        var c = initial
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                c.withUnsafeMutableBufferPointer { c in
                    var arguments = dms_matmul_args()
                    arguments.a.data = a.baseAddress
                    (arguments.a.row_stride, arguments.a.column_stride) = aIsTransposed ? (1, aStride) : (aStride, 1)
                    arguments.b.data = b.baseAddress
                    (arguments.b.row_stride, arguments.b.column_stride) = bIsTransposed ? (1, bStride) : (bStride, 1)
                    (arguments.rows, arguments.columns, arguments.depth) = (rows, columns, depth)
                    arguments.c = c.baseAddress
                    arguments.c_stride = cStride
                    arguments.accumulate = accumulates ? 1 : 0
                    arguments.precision = precision
                    arguments.scratch_bytes = dms_matmul_scratch_bytes(context, &arguments)
                    // Behind the scratch asked for lies a guard, too.
                    let bytes = arguments.scratch_bytes + 64
                    let scratch = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
                    scratch.initializeMemory(as: UInt8.self, repeating: 0xa5, count: bytes)
                    arguments.scratch = scratch
                    dms_matmul(context, &arguments)
                    for byte in arguments.scratch_bytes..<bytes {
                        precondition(scratch.load(fromByteOffset: byte, as: UInt8.self) == 0xa5, "beyond the scratch")
                    }
                    scratch.deallocate()
                }
            }
        }
        return c
    }

    /// What c should be, and how far off each element may be.
    struct Expected {
        var values: [Double] = []
        var tolerances: [Double] = []
    }

    /// The definition in FP64.
    func expected() -> Expected {
        func wide(_ value: Float) -> Double {
            precision == DMS_PRECISION_BF16 ? ReferenceElement.roundedToBF16(value) : Double(value)
        }
        var expected = Expected()
        // Both with the depth innermost, so that the loop below runs along memory.
        let left = (0..<rows).flatMap { row in (0..<depth).map { wide(a[aIndex(row, $0)]) } }
        let right = (0..<columns).flatMap { column in (0..<depth).map { wide(b[bIndex($0, column)]) } }
        for row in 0..<rows {
            for column in 0..<columns {
                let (sum, norm) = Self.product(left, row * depth, right, column * depth, depth)
                expected.values.append(sum + (accumulates ? Double(initial[row * cStride + column]) : 0))
                // Rounding errors of K steps add up like a random walk whose steps are half a unit of partial sums
                // about as large as the norm of the products.
                expected.tolerances.append(4 * 0x1p-24 * Double(depth + 3).squareRoot() * (norm + 2))
            }
        }
        return expected
    }

    /// The first element of c that is not what was expected, guards included.
    func firstWrong(_ c: [Float], _ expected: Expected) -> String? {
        for row in 0..<rows {
            for column in 0..<columns {
                let got = c[row * cStride + column], want = expected.values[row * columns + column]
                if !(abs(Double(got) - want) <= expected.tolerances[row * columns + column]) {
                    return "c[\(row)][\(column)] is \(got), not \(want)"
                }
            }
            if c[row * cStride + columns..<(row + 1) * cStride].contains(where: { $0 != Self.guardValue }) {
                return "the guards of row \(row)"
            }
        }
        return nil
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
