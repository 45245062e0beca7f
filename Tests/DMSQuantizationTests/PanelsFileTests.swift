import DMSCheckpoint
import DMSModel
import DMSQuantization
import DMSTensor
import DMSTestSupport
import Foundation
import Testing

/// Weights in panels beside a checkpoint.
@Suite struct PanelsFileTests {
    struct Shape: Sendable, CustomStringConvertible {
        var dtype = "BF16"
        var tied = true
        var biases = false
        var integers: GroupedFormat.IntegerType?
        var description: String { "\(dtype), tied \(tied), biases \(biases), \(integers?.rawValue ?? "floats")" }
    }

    static let shapes = [
        Shape(), Shape(tied: false, biases: true), Shape(dtype: "F32"), Shape(dtype: "F16", tied: false),
        Shape(integers: .int8), Shape(tied: false, biases: true, integers: .int4),
    ]

    /// A checkpoint in a folder of its own, which lasts as long as the value.
    private final class Folder {
        let path: String
        private let folder: TemporaryFolder

        init(_ shape: Shape) throws {
            var tiny = TinyCheckpoint()
            tiny.hidden = 64
            tiny.heads = 8
            tiny.feedForward = 160
            tiny.dtype = shape.dtype
            tiny.tiesEmbeddings = shape.tied
            tiny.attentionBias = shape.biases
            tiny.feedForwardBias = shape.biases
            folder = try TemporaryFolder()
            try tiny.write(to: folder.path)
            guard let integers = shape.integers else {
                path = folder.path
                return
            }
            path = folder.path + "/integers"
            _ = try ModelQuantizer(
                path: folder.path, format: GroupedFormat(integers, groupSize: 32), scaleChoice: .maximum,
                kernels: try CPUKernels(threads: 1)
            ).write(to: path)
        }

        var panels: String { path + "/" + PanelsFile.name }

        func pack() throws -> PanelsWriter.Summary {
            try PanelsWriter.write(for: try ModelDirectory.open(path: path), kernels: try CPUKernels(threads: 2))
        }

        func model(_ precision: Precision, _ layout: WeightLayout) throws -> LlamaModel {
            let directory = try ModelDirectory.open(path: path)
            let kernels = try CPUKernels(threads: 2)
            return try LlamaModel(
                configuration: directory.configuration,
                weights: try LlamaWeights(directory, precision: precision, layout: layout, kernels: kernels), dms: nil,
                precision: precision, layout: layout, kernels: kernels)
        }

        func logits(_ precision: Precision, _ layout: WeightLayout) throws -> [Float] {
            try ModelQuantizerTests.logits(try model(precision, layout), [1, 5, 9, 2, 7]).flatMap { $0 }
        }
    }

    private static func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

    /// What is mapped has the bits of what is laid out when the model is opened, and nearly those of rows.
    @Test(arguments: shapes) func panelsAreTheWeights(shape: Shape) throws {
        let folder = try Folder(shape)
        let precisions: [Precision] = shape.integers == nil ? [.fp32, .bf16] : [.fp32, .bf16, .int8]
        let before = try precisions.map { (try folder.logits($0, .rows), try folder.logits($0, .panels)) }
        let summary = try folder.pack()
        let size = try #require(
            try FileManager.default.attributesOfItem(atPath: folder.panels)[.size] as? Int)
        #expect(summary.path == folder.panels && (summary.bytes..<summary.bytes + 65536).contains(size))
        for (precision, (rows, panels)) in zip(precisions, before) {
            #expect(Self.bits(try folder.logits(precision, .rows)) == Self.bits(rows), "\(precision)")
            let stored = try folder.logits(precision, .stored)
            // F16 and F32 weights are not what FP32 precision could take from BF16 panels, nor integers what it
            // could take from panels of theirs.
            let isUsed = try folder.model(precision, .stored).weights.head.format.isInPanels
            let expected =
                switch precision {
                case .fp32: shape.integers == nil && shape.dtype == "BF16"
                case .bf16: shape.integers == nil
                case .int8: true
                }
            #expect(isUsed == expected, "\(precision)")
            #expect(Self.bits(stored) == Self.bits(isUsed ? panels : rows), "\(precision)")
            for (one, other) in zip(stored, rows) { #expect(abs(one - other) < 1e-4 + abs(other) * 1e-4) }
        }
    }

    @Test func panelsAreMappedAndNotCopied() throws {
        let folder = try Folder(Shape())
        _ = try folder.pack()
        let file = try SafetensorsFile(path: folder.panels)
        #expect(file.names.contains("lm_head.weight_panels"))
        for tensor in file.tensors {
            #expect(Int(bitPattern: tensor.bytes.baseAddress) % 64 == 0, "\(tensor.name)")
            #expect(tensor.dtype == .bfloat16 && tensor.shape.count == 4 && tensor.shape[2...] == [32, 2])
        }
    }

    /// Weights that were trained on, or exchanged, are not multiplied as what they were.
    @Test func panelsOfOtherWeightsAreRefused() throws {
        let folder = try Folder(Shape())
        _ = try folder.pack()
        let weights = folder.path + "/model.safetensors"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: weights))
        // The last bytes of the last tensor.
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: URL(fileURLWithPath: weights))
        let error = #expect(throws: CheckpointError.self) { try folder.model(.bf16, .stored) }
        #expect(error?.description.contains(PanelsFile.name) == true)
        #expect(error?.description.contains("dms pack") == true)
        _ = try folder.model(.bf16, .rows)
        _ = try folder.pack()
        _ = try folder.model(.bf16, .stored)
    }

    @Test func damagedPanelsAreRefused() throws {
        let folder = try Folder(Shape())
        _ = try folder.pack()
        let url = URL(fileURLWithPath: folder.panels)
        let whole = try Data(contentsOf: url)
        for count in [0, 7, 100, whole.count / 2, whole.count - 1] {
            try whole.prefix(count).write(to: url)
            #expect(throws: CheckpointError.self, "\(count) bytes") { try folder.model(.bf16, .stored) }
        }
        // Another layer's shape under the same name.
        let header = try #require(String(data: whole, encoding: .isoLatin1))
        let renamed = header.replacingOccurrences(
            of: "0.mlp.up_proj.weight_panels", with: "0.mlp.up_prox.weight_panels")
        try #require(renamed.data(using: .isoLatin1)).write(to: url)
        let error = #expect(throws: CheckpointError.self) { try folder.model(.bf16, .stored) }
        #expect(error?.description.contains("up_proj.weight_panels") == true)
    }

    /// What cannot be written leaves what was there.
    @Test func aFolderThatCannotBeWrittenIsNamed() throws {
        guard geteuid() != 0 else { return }
        let folder = try Folder(Shape())
        try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder.path)
        defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path) }
        let error = #expect(throws: CheckpointError.self) { try folder.pack() }
        #expect(error?.description.contains(PanelsFile.name) == true)
    }
}
