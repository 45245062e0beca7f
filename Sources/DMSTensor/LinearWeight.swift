/// The weight of a linear layer, `[outputs, inputs]` row-major, used where it lies.
///
/// Immutable and shared: the memory belongs to `owner`, usually a mapped checkpoint.
public final class LinearWeight: @unchecked Sendable {
    // Invariant for Sendable: nothing writes to the memory after `init`, and `owner` keeps it alive.

    /// Rows of the matrix: output features.
    public let outputs: Int
    /// Columns of the matrix: input features.
    public let inputs: Int
    /// `.float32`, `.bfloat16` or `.float16`.
    public let type: ScalarType
    /// The first element, aligned to its type at least.
    public let pointer: UnsafeRawPointer
    private let bias: HostBuffer?
    private let owner: AnyObject

    /// - Parameters:
    ///   - bias: `outputs` FP32 values, or `nil`.
    ///   - owner: Whatever keeps `pointer` valid.
    public init(
        outputs: Int, inputs: Int, type: ScalarType, pointer: UnsafeRawPointer, bias: HostBuffer? = nil,
        owner: AnyObject
    ) {
        precondition(!type.isScaled, "a linear weight of type \(type.name)")
        precondition(bias == nil || bias?.byteCount == outputs * 4, "a bias that does not fit \(outputs) outputs")
        self.outputs = outputs
        self.inputs = inputs
        self.type = type
        self.pointer = pointer
        self.bias = bias
        self.owner = owner
    }

    /// The bias, `outputs` values, or `nil`.
    public var biasPointer: UnsafePointer<Float>? {
        bias.map { UnsafePointer($0.pointer.assumingMemoryBound(to: Float.self)) }
    }

    /// Bytes that one pass over the weight reads.
    public var byteCount: Int { outputs * inputs * type.byteCount + (bias?.byteCount ?? 0) }
}
