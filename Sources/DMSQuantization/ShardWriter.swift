import DMSCheckpoint
import DMSModel
import DMSTensor

/// Writes one file of weights, its linear layers as integers.
///
/// In memory at a time are some rows of one matrix and the scales of the file, which come behind all codes there.
struct ShardWriter {
    /// Elements that are rounded at a time, but a row at least.
    private static let piece = 1 << 22

    let plan: QuantizationPlan
    let kernels: CPUKernels
    let scaleChoice: ScaleChoice

    /// A tensor of the new file.
    private enum Content {
        case copy(MappedTensor)
        case codes(MappedTensor, GroupedFormat, scales: HostBuffer)
        case scales(HostBuffer)
        case shape([Int])
    }

    /// - Parameters:
    ///   - source: A file of the model as it is.
    ///   - onBytes: Told of every piece of the source that is done, in bytes.
    /// - Returns: The tensors that were written.
    /// - Throws: `CheckpointError` for weights that are not finite and what cannot be written, `MemoryError`.
    func write(_ source: SafetensorsFile, to path: String, onBytes: (Int) -> Void) throws -> [TensorDeclaration] {
        let (declarations, contents) = try contents(of: source)
        let pieceElements = max(Self.piece, plan.configuration.linearLayers.map(\.inputs).max() ?? 1)
        let floats = try HostBuffer(byteCount: pieceElements * 4)
        let codes = try HostBuffer(byteCount: pieceElements * 4)
        try SafetensorsWriter.write(to: path, tensors: declarations) { (declaration, output) throws(CheckpointError) in
            switch contents[declaration.name] {
            case .copy(let tensor):
                try output.append(tensor.bytes)
                onBytes(tensor.bytes.count)
            case .codes(let tensor, let format, let scales):
                try quantize(
                    tensor, format, floats: floats, codes: codes, scales: scales, to: &output, onBytes: onBytes)
            case .scales(let scales):
                try output.append(UnsafeRawBufferPointer(start: scales.pointer, count: scales.byteCount))
            case .shape(let shape):
                for count in shape { try output.append(withUnsafeBytes(of: Int64(count).littleEndian) { Array($0) }) }
            case nil: break
            }
        }
        return declarations
    }

    private func contents(
        of source: SafetensorsFile
    ) throws(MemoryError) -> ([TensorDeclaration], [String: Content]) {
        var declarations: [TensorDeclaration] = []
        var contents: [String: Content] = [:]
        func add(_ name: String, _ dtype: TensorDataType, _ shape: [Int], _ content: Content) {
            declarations.append(TensorDeclaration(name: name, dtype: dtype, shape: shape))
            contents[name] = content
        }
        func addLayer(_ name: String, _ tensor: MappedTensor, _ format: GroupedFormat) throws(MemoryError) {
            let (outputs, inputs) = (tensor.shape[0], tensor.shape[1])
            let scales = try HostBuffer(byteCount: format.scaleBytes(outputs: outputs, inputs: inputs))
            add(
                QuantizedTensorName.codes(name), .signed32, [outputs, inputs * format.type.bitWidth / 32],
                .codes(tensor, format, scales: scales))
            add(
                QuantizedTensorName.scales(name), .bfloat16, [outputs, inputs / format.groupSize], .scales(scales))
            add(QuantizedTensorName.shape(name), .signed64, [2], .shape(tensor.shape))
        }
        for tensor in source.tensors {
            // Some files hold the tied head once more.
            if plan.configuration.tiesEmbeddings, tensor.name == LlamaTensorName.outputHead { continue }
            if let (name, format) = plan.layer(of: tensor) {
                try addLayer(name, tensor, format)
                continue
            }
            add(tensor.name, tensor.dtype, tensor.shape, .copy(tensor))
            if plan.configuration.tiesEmbeddings, tensor.name == LlamaTensorName.embedding,
                let scheme = plan.quantization.scheme(of: LlamaTensorName.headLayer)
            {
                try addLayer(LlamaTensorName.headLayer, tensor, GroupedFormat(scheme))
            }
        }
        return (declarations, contents)
    }

    /// Appends the codes of a matrix and keeps its scales.
    private func quantize(
        _ tensor: MappedTensor, _ format: GroupedFormat, floats: HostBuffer, codes: HostBuffer, scales: HostBuffer,
        to output: inout FileOutput, onBytes: (Int) -> Void
    ) throws(CheckpointError) {
        let (outputs, inputs) = (tensor.shape[0], tensor.shape[1])
        let groups = inputs / format.groupSize
        let rowBytes = inputs * tensor.dtype.bitWidth / 8
        let rowsAtOnce = max(1, Self.piece / inputs)
        let allScales = UnsafeMutableBufferPointer(
            start: scales.pointer.assumingMemoryBound(to: UInt16.self), count: outputs * groups)
        guard let firstScale = allScales.baseAddress else { return }
        for first in stride(from: 0, to: outputs, by: rowsAtOnce) {
            let rows = min(rowsAtOnce, outputs - first)
            let bytes = UnsafeRawBufferPointer(rebasing: tensor.bytes[first * rowBytes..<(first + rows) * rowBytes])
            let weights = MatrixView(
                pointer: floats.pointer.assumingMemoryBound(to: Float.self), rows: rows, columns: inputs,
                stride: inputs)
            widen(bytes, tensor.dtype, into: weights, spare: codes)
            kernels.quantize(
                weights, format: format, scaleChoice: scaleChoice, codes: codes.pointer,
                scales: firstScale + first * groups)
            try output.append(
                UnsafeRawBufferPointer(
                    start: codes.pointer, count: format.codeBytes(outputs: rows, inputs: inputs)))
            onBytes(bytes.count)
        }
        // Finite weights have finite scales.
        guard allScales.allSatisfy({ $0 & 0x7F80 != 0x7F80 }) else {
            throw CheckpointError(
                file: tensor.file, .tensor(tensor.name), found: "an infinity or NaN", required: "finite weights")
        }
    }

    /// By way of `spare` where the file leaves elements at an odd address.
    private func widen(
        _ bytes: UnsafeRawBufferPointer, _ dtype: TensorDataType, into weights: MatrixView, spare: HostBuffer
    ) {
        guard var base = bytes.baseAddress else { return }
        if Int(bitPattern: base) % 4 != 0 {
            spare.pointer.copyMemory(from: base, byteCount: bytes.count)
            base = UnsafeRawPointer(spare.pointer)
        }
        kernels.convert(
            base, ScalarType(dtype), to: UnsafeMutableRawPointer(weights.pointer), .float32,
            count: weights.rows * weights.columns)
    }
}
