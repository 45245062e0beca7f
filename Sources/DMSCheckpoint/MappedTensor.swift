/// A tensor in a mapped safetensors file.
///
/// Copying it copies no elements; it keeps the mapping alive.
///
/// `@unchecked Sendable`: `bytes` points into `owner`'s read-only mapping, which outlives this value.
public struct MappedTensor: @unchecked Sendable {
    /// As the file names it.
    public let name: String
    /// The type of its elements.
    public let dtype: TensorDataType
    /// Row-major; `[rows, columns]` for the weight of a linear layer, that is `[outputs, inputs]`.
    public let shape: [Int]
    /// The elements, little-endian.
    ///
    /// Valid while this tensor, a copy of it, or the ``SafetensorsFile``, ``CheckpointTensors`` or ``ModelDirectory``
    /// it came from is alive. Swift may release a local variable right after its last use, so keep one of them in a
    /// stored property, or use `withExtendedLifetime`.
    ///
    /// The format promises no alignment: see ``isAligned``.
    public let bytes: UnsafeRawBufferPointer
    /// The path of the file it lies in.
    public let file: String
    /// Whatever keeps ``bytes`` valid.
    public let owner: MappedFile

    init(entry: TensorEntry, dataOffset: Int, owner: MappedFile) {
        name = entry.name
        dtype = entry.dtype
        shape = entry.shape
        let start = dataOffset + entry.byteRange.lowerBound
        bytes = UnsafeRawBufferPointer(rebasing: owner.bytes[start..<start + entry.byteRange.count])
        file = owner.path
        self.owner = owner
    }

    /// The number of elements; 1 for a scalar.
    public var elementCount: Int { shape.reduce(1, *) }

    /// Whether the elements may be read in place through a typed pointer.
    ///
    /// Files whose header length is not a multiple of 8 hold misaligned tensors; copy those before use.
    public var isAligned: Bool {
        guard let address = bytes.baseAddress else { return true }
        return Int(bitPattern: address) % max(1, dtype.bitWidth / 8) == 0
    }

    /// The elements of a BF16, F16 or F32 tensor, widened exactly.
    ///
    /// O(n) time and memory, for small tensors.
    ///
    /// - Throws: ``CheckpointError`` for every other element type.
    public func floats() throws(CheckpointError) -> [Float] {
        let bytes = bytes
        switch dtype {
        case .float32:
            return (0..<elementCount).map {
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)))
            }
        case .bfloat16:
            return (0..<elementCount).map {
                let bits = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 2, as: UInt16.self))
                return Float(bitPattern: UInt32(bits) << 16)
            }
        case .float16:
            return (0..<elementCount).map {
                let bits = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 2, as: UInt16.self))
                return Float(Float16(bitPattern: bits))
            }
        default:
            throw CheckpointError(
                file: file, .tensor(name), found: "element type \(dtype.rawValue)", required: "BF16, F16 or F32")
        }
    }
}
