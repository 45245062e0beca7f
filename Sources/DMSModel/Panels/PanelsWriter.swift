public import DMSCheckpoint
import DMSJSON
public import DMSTensor

/// Lays a checkpoint's weights out in panels, once and for all: writes ``PanelsFile``.
public enum PanelsWriter {
    /// Weights that are laid out at a time, but a panel at least.
    private static let piece = 1 << 22

    /// What was written.
    public struct Summary: Sendable, Hashable {
        /// The file.
        public let path: String
        /// Matrices that are in it.
        public let layers: Int
        /// Their bytes.
        public let bytes: Int
    }

    /// Writes the file into a checkpoint's folder, in place of one that is there.
    ///
    /// Weights that are not integers are BF16 in panels, whatever they are in the checkpoint.
    ///
    /// - Parameter onProgress: Told of bytes that are written, and of all.
    /// - Throws: `CheckpointError` for tensors that are not those of the configuration, and for a file that cannot be
    ///   written, which leaves what was there; ``MemoryError``.
    public static func write(
        for directory: ModelDirectory, kernels: CPUKernels, onProgress: (Int, Int) -> Void = { _, _ in }
    ) throws -> Summary {
        let path = directory.path + "/" + PanelsFile.name
        let binder = try WeightBinder(
            directory, precision: .bf16, layout: .rows, kernels: kernels, panels: nil)
        let layers = directory.configuration.panelLayers
        var declarations: [TensorDeclaration] = []
        var layerOfName: [String: LinearLayer] = [:]
        for layer in layers {
            let declaration = PanelsFile.declaration(
                layer.name, outputs: layer.outputs, inputs: layer.inputs, format: binder.panelFormat(of: layer.name))
            declarations.append(declaration)
            layerOfName[declaration.name] = layer
        }
        let total = declarations.reduce(0) { $0 + ($1.dtype.byteCount(shape: $1.shape) ?? 0) }
        var done = 0
        var memoryError: (any Error)?
        let metadata = JSONObject([
            "format": .string(PanelsFile.format), "version": .string(PanelsFile.version),
            "weights_sample_sha256": .string(WeightsSample(directory.weights).sha256),
        ])
        do {
            try SafetensorsWriter.write(
                to: path, tensors: declarations, metadata: metadata, alignment: PanelsFile.alignment
            ) { (declaration, output) throws(CheckpointError) in
                guard let layer = layerOfName[declaration.name] else { return }
                do {
                    try append(layer, binder, kernels, to: &output) { bytes in
                        done += bytes
                        onProgress(done, total)
                    }
                } catch let error as CheckpointError {
                    throw error
                } catch {
                    // Less than was declared is an error that leaves the old file; what is to be told is this one.
                    memoryError = error
                }
            }
        } catch {
            throw memoryError ?? error
        }
        return Summary(path: path, layers: layers.count, bytes: total)
    }

    private static func append(
        _ layer: LinearLayer, _ binder: WeightBinder, _ kernels: CPUKernels, to output: inout FileOutput,
        onBytes: (Int) -> Void
    ) throws {
        let weight = try binder.matrix(layer.name, outputs: layer.outputs, inputs: layer.inputs)
        guard let format = weight.format.inPanels else { preconditionFailure("a \(weight.format.name) weight") }
        let atOnce = max(1, piece / layer.inputs / WeightFormat.panelOutputs) * WeightFormat.panelOutputs
        let buffer = try HostBuffer(
            byteCount: format.byteCount(outputs: min(atOnce, layer.outputs), inputs: layer.inputs))
        for first in stride(from: 0, to: layer.outputs, by: atOnce) {
            let outputs = first..<min(first + atOnce, layer.outputs)
            kernels.pack(weight, outputs: outputs, into: buffer.pointer)
            let bytes = format.byteCount(outputs: outputs.count, inputs: layer.inputs)
            try output.append(UnsafeRawBufferPointer(start: buffer.pointer, count: bytes))
            onBytes(bytes)
        }
    }
}
