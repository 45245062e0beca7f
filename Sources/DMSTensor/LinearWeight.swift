/// The weight of a linear layer, `[outputs, inputs]` row-major or in panels, used where it lies.
///
/// Immutable and shared: the memory belongs to `owner`, usually a mapped checkpoint.
public final class LinearWeight: @unchecked Sendable {
    // Invariant for Sendable: nothing writes to the memory after `init`, and `owner` keeps it alive.

    /// Rows of the matrix: output features.
    public let outputs: Int
    /// Columns of the matrix: input features.
    public let inputs: Int
    public let format: WeightFormat
    /// The first element, aligned to its type at least; of a grouped format the first code, aligned to 4 bytes; of
    /// panels their beginning.
    public let pointer: UnsafeRawPointer
    /// The BF16 scales of a grouped format, `[outputs, inputs / groupSize]`.
    public let scales: UnsafePointer<UInt16>?
    private let bias: HostBuffer?
    private let owner: AnyObject

    /// A matrix of floats.
    ///
    /// - Parameters:
    ///   - type: `.float32`, `.bfloat16` or `.float16`.
    ///   - bias: `outputs` FP32 values, or `nil`.
    ///   - owner: Whatever keeps `pointer` valid.
    public convenience init(
        outputs: Int, inputs: Int, type: ScalarType, pointer: UnsafeRawPointer, bias: HostBuffer? = nil,
        owner: AnyObject
    ) {
        precondition(!type.isScaled, "a linear weight of type \(type.name)")
        self.init(outputs, inputs, .floats(type), pointer, nil, bias, owner)
    }

    /// A matrix of grouped integers.
    ///
    /// - Parameters:
    ///   - inputs: A multiple of the group size.
    ///   - pointer: The codes, aligned to 4 bytes.
    ///   - scales: `[outputs, inputs / groupSize]` in BF16.
    ///   - bias: `outputs` FP32 values, or `nil`.
    ///   - owner: Whatever keeps `pointer` and `scales` valid.
    public convenience init(
        outputs: Int, inputs: Int, format: GroupedFormat, pointer: UnsafeRawPointer, scales: UnsafePointer<UInt16>,
        bias: HostBuffer? = nil, owner: AnyObject
    ) {
        precondition(inputs % format.groupSize == 0, "groups of \(format.groupSize) of \(inputs) inputs")
        self.init(outputs, inputs, .grouped(format), pointer, scales, bias, owner)
    }

    /// A matrix in panels, which hold its scales, too.
    ///
    /// - Parameters:
    ///   - format: One of panels.
    ///   - pointer: What ``CPUKernels/pack(_:outputs:into:)`` makes of all outputs, aligned to 2 bytes and better to 64.
    ///   - bias: `outputs` FP32 values, or `nil`.
    ///   - owner: Whatever keeps `pointer` valid.
    public convenience init(
        outputs: Int, inputs: Int, panels format: WeightFormat, pointer: UnsafeRawPointer, bias: HostBuffer? = nil,
        owner: AnyObject
    ) {
        precondition(format.isInPanels, "panels of \(format)")
        self.init(outputs, inputs, format, pointer, nil, bias, owner)
    }

    /// The same matrix in panels that a kernel has laid out.
    convenience init(panels: HostBuffer, of weight: LinearWeight) {
        guard let format = weight.format.inPanels else { preconditionFailure("panels of \(weight.format)") }
        self.init(
            outputs: weight.outputs, inputs: weight.inputs, panels: format, pointer: UnsafeRawPointer(panels.pointer),
            bias: weight.bias, owner: panels)
    }

    private init(
        _ outputs: Int, _ inputs: Int, _ format: WeightFormat, _ pointer: UnsafeRawPointer,
        _ scales: UnsafePointer<UInt16>?, _ bias: HostBuffer?, _ owner: AnyObject
    ) {
        precondition(bias == nil || bias?.byteCount == outputs * 4, "a bias that does not fit \(outputs) outputs")
        self.outputs = outputs
        self.inputs = inputs
        self.format = format
        self.pointer = pointer
        self.scales = scales
        self.bias = bias
        self.owner = owner
    }

    /// The bias, `outputs` values, or `nil`.
    public var biasPointer: UnsafePointer<Float>? {
        bias.map { UnsafePointer($0.pointer.assumingMemoryBound(to: Float.self)) }
    }

    /// Bytes that one pass over the weight reads.
    public var byteCount: Int {
        format.byteCount(outputs: outputs, inputs: inputs) + (bias?.byteCount ?? 0)
    }
}
