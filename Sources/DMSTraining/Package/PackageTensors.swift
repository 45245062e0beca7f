import DMSCheckpoint
import DMSModel
import DMSTensor

/// The tensors of a package in the order in which they are written, a tensor in memory at a time.
struct PackageTensors {
    private enum Tensor {
        case trained(MatrixView)
        case copied(MappedTensor)
    }

    private let type: TensorDataType
    private let tensors: [(declaration: TensorDeclaration, content: Tensor)]
    /// Keeps what the views look at.
    private let owners: [ParameterArena]

    init(_ content: CheckpointPackage.Content, type: TensorDataType) {
        self.type = type
        func trained(_ arena: ParameterArena) -> [(TensorDeclaration, Tensor)] {
            arena.layout.entries.enumerated().map { index, entry in
                (
                    TensorDeclaration(name: entry.name, dtype: type, shape: entry.shape),
                    .trained(arena.matrix(index))
                )
            }
        }
        switch content {
        case .trained(let weights):
            owners = [weights.arena]
            tensors = trained(weights.arena)
        case .adapted(let base, let adapters):
            owners = [adapters.arena]
            let copied = base.weights.names.compactMap { base.weights[$0] }.map { tensor in
                (
                    TensorDeclaration(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape),
                    Tensor.copied(tensor)
                )
            }
            tensors = copied + trained(adapters.arena)
        }
    }

    /// - Throws: `CheckpointError` naming the file, which is then the old one or the new one, or `MemoryError`.
    func write(to path: String, kernels: any InferenceKernels) throws {
        let index = Dictionary(uniqueKeysWithValues: tensors.map { ($0.declaration.name, $0.content) })
        let scalar = ScalarType(type)
        let largest = tensors.map {
            if case .trained(let matrix) = $0.content { matrix.rows * matrix.columns } else { 0 }
        }
        let buffer = try HostBuffer(byteCount: max(1, largest.max() ?? 0) * scalar.byteCount)
        try SafetensorsWriter.write(to: path, tensors: tensors.map(\.declaration)) {
            (declaration, output) throws(CheckpointError) in
            switch index[declaration.name] {
            case .copied(let tensor): try output.append(tensor.bytes)
            case .trained(let matrix):
                let count = matrix.rows * matrix.columns
                kernels.convert(matrix.pointer, .float32, to: buffer.pointer, scalar, count: count)
                try output.append(UnsafeRawBufferPointer(start: buffer.pointer, count: count * scalar.byteCount))
            case nil: break
            }
        }
    }
}
