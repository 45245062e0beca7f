public import DMSJSON

/// A tensor that is about to be written.
public struct TensorDeclaration: Equatable, Sendable {
    /// As the file will name it.
    public let name: String
    /// The type of its elements.
    public let dtype: TensorDataType
    /// Its extents, the slowest first.
    public let shape: [Int]

    /// A tensor that is to be written.
    public init(name: String, dtype: TensorDataType, shape: [Int]) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
    }
}

/// Writes safetensors files, byte for byte as the format's reference implementation does.
///
/// Tensors are put in order of falling element type, then of name; the header has no white space but the padding
/// that brings the data to a multiple of 8 bytes, or of more where that is asked for.
public enum SafetensorsWriter {
    /// Writes a file, atomically (see ``AtomicFile``) and without holding it in memory.
    ///
    /// - Parameters:
    ///   - path: The file to make or replace.
    ///   - tensors: What it holds, in any order.
    ///   - metadata: Free-form strings, written under `__metadata__` in the order given. Transformers wants
    ///     `{"format": "pt"}`.
    ///   - alignment: The data begin at a multiple of so many bytes, itself a multiple of 8.
    ///   - body: Called once for each tensor, in file order; appends exactly its bytes, little-endian and row-major.
    /// - Throws: What `body` throws, or ``CheckpointError`` for declarations that no file can hold, a wrong number of
    ///   bytes, and everything the system refuses. The old file, if any, is then unchanged.
    public static func write(
        to path: String, tensors: [TensorDeclaration], metadata: JSONObject? = JSONObject(["format": .string("pt")]),
        alignment: Int = 8, _ body: (TensorDeclaration, inout FileOutput) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let layout = try SafetensorsLayout(tensors, metadata: metadata, alignment: alignment, file: path)
        try AtomicFile.write(to: path) { (output: inout FileOutput) throws(CheckpointError) in
            try output.append(layout.header)
            for (tensor, byteCount) in layout.tensors {
                let start = output.count
                try body(tensor, &output)
                guard output.count - start == byteCount else {
                    throw CheckpointError(
                        file: path, .tensor(tensor.name), found: "\(output.count - start) bytes to write",
                        required: "\(byteCount) bytes for shape \(tensor.shape) of \(tensor.dtype.rawValue)")
                }
            }
        }
    }
}
