public import ArgumentParser
import DMSJSON
import DMSModel
import DMSQuantization
public import DMSTensor

struct QuantizeCommand: ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "quantize",
        abstract: "Round a model's weights to 8 or 4 bits.",
        discussion: """
            Writes a new folder with a copy of the model whose linear layers are integers, with a scale in BF16 for \
            each group of inputs. Embeddings and norms stay as they are. The head has 8 bits unless --head-weights \
            says otherwise, and query projections that decide about eviction have 8 in any case. Every verb that runs \
            a model takes the copy; training wants the original. Other tools read it, too: the layout is \
            pack-quantized of compressed-tensors. --precision int8 multiplies the integers as such, which is faster \
            on x86-64 with AVX2 or more.

              dms quantize --model DIR --output DIR-int8 --weights int8
              dms eval --model DIR-int8 --base DIR --corpus FILE     what that costs

            With --json: output, weights, head_weights, group_size, layers, source_bytes, bytes and panels_bytes.
            """)

    @Option(help: HubOptions.help("The model"))
    var model: String

    @Option(help: ArgumentHelp("The folder to make.", valueName: "dir"))
    var output: String

    @Option(help: ArgumentHelp("int8 or int4.", valueName: "type"))
    var weights: GroupedFormat.IntegerType

    @Option(
        help: ArgumentHelp(
            "int8 or int4: the head, where 4 bits cost more quality than in all other layers together.",
            valueName: "type"))
    var headWeights = GroupedFormat.IntegerType.int8

    @Option(help: ArgumentHelp("Inputs that share a scale: 32, 64 or 128.", valueName: "count"))
    var groupSize = 64

    @Option(
        help: ArgumentHelp(
            "search or maximum: the scale with the smallest squared error of twenty, or that of the largest weight.",
            valueName: "choice"))
    var scale = ScaleChoice.search

    @Flag(help: "Write panels.dms, too: what 'dms pack' makes of the copy.")
    var panels = false

    @OptionGroup var threads: ThreadsOption
    @OptionGroup var hub: HubOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if output.isEmpty { throw ValidationError("--output: found an empty path, required a new folder") }
        guard GroupedFormat.groupSizes.contains(groupSize) else {
            throw ValidationError("--group-size: found \(groupSize), required 32, 64 or 128")
        }
    }

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        model = try folder(model)
    }

    func run() throws {
        let kernels = try CPUKernels(threads: threads.count)
        let quantizer = try ModelQuantizer(
            path: model, format: GroupedFormat(weights, groupSize: groupSize), head: headWeights, scaleChoice: scale,
            kernels: kernels)
        let progress = EvalProgress(unit: "MiB")
        let summary = try quantizer.write(to: output) { done, total in
            progress.show("weights", done >> 20, of: total >> 20)
        }
        progress.finish()
        let packed: PanelsWriter.Summary?
        do {
            packed = panels ? try PackCommand.pack(output, kernels: kernels) : nil
        } catch {
            Console.note("dms: \(output) is complete but for its panels, which 'dms pack --model \(output)' writes")
            throw error
        }
        if json {
            try Console.write(
                JSONObject([
                    "output": .string(output), "weights": .string(weights.rawValue),
                    "head_weights": .string(headWeights.rawValue), "group_size": .count(groupSize),
                    "layers": .count(summary.layers), "source_bytes": .count(summary.sourceBytes),
                    "bytes": .count(summary.bytes), "panels_bytes": packed.map { .count($0.bytes) } ?? .null,
                ]))
        } else {
            let head = headWeights == weights ? "" : ", the head as \(headWeights.rawValue)"
            let panels = packed.map { "; \(Units.bytes($0.bytes)) of panels beside them" } ?? ""
            try Console.write(
                "\(output): \(summary.layers) layers as \(weights.rawValue) in groups of \(groupSize)\(head); "
                    + "\(Units.bytes(summary.bytes)) of weights, from \(Units.bytes(summary.sourceBytes))\(panels).\n"
                    + "With --precision int8 they are multiplied as integers: faster on x86-64 with AVX2 or more.\n")
        }
    }
}

extension GroupedFormat.IntegerType: ExpressibleByArgument {}
extension ScaleChoice: ExpressibleByArgument {}
