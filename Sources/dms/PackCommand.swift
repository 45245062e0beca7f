import ArgumentParser
import DMSCheckpoint
import DMSJSON
import DMSModel
import DMSTensor

struct PackCommand: ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "pack",
        abstract: "Lay a model's weights out for fast products, once.",
        discussion: """
            Writes panels.dms into the model's folder: the weights of its linear layers in the order in which \
            this program multiplies them, BF16 or integers as they are. Every verb that runs the model maps that file \
            then, in place of the weights. With AVX-512 a batch of 8 sequences of BF16 costs little more than one, and \
            prefill is somewhat faster; with AVX2 prefill is slower, and with AMX panels of BF16 are left alone. Integers are used from it with --precision int8, which otherwise lays them out each time. The \
            model's own files stay as they are, for this and other programs; the file takes about as much room again \
            on the disk, not in memory, and can be removed at any time.

              dms pack --model DIR
              dms bench --model DIR --sequences 1,8 --layout rows    without, to compare

            With --json: path, layers and bytes.
            """)

    @Option(help: HubOptions.help("The model"))
    var model: String

    @OptionGroup var threads: ThreadsOption
    @OptionGroup var hub: HubOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        model = try folder(model)
    }

    func run() throws {
        let summary = try PackCommand.pack(model, kernels: try CPUKernels(threads: threads.count))
        if json {
            try Console.write(
                JSONObject([
                    "path": .string(summary.path), "layers": .count(summary.layers), "bytes": .count(summary.bytes),
                ]))
        } else {
            try Console.write("\(summary.path): \(summary.layers) layers, \(Units.bytes(summary.bytes)).\n")
        }
    }

    /// Writes the file with a line of progress.
    static func pack(_ path: String, kernels: CPUKernels) throws -> PanelsWriter.Summary {
        let directory = try ModelDirectory.open(path: path)
        let progress = EvalProgress(unit: "MiB")
        let summary = try PanelsWriter.write(for: directory, kernels: kernels) { done, total in
            progress.show("panels", done >> 20, of: total >> 20)
        }
        progress.finish()
        return summary
    }
}
