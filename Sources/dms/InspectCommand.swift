import ArgumentParser

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "What a model's folder holds, and what serving it takes.",
        discussion: """
              dms inspect --model DIR
              dms inspect --model DIR --json

            Checks every file and the shape of every tensor. For a model with eviction, each value is shown with the \
            file it came from; where weights_sha256 is stated, here as whenever a model is loaded, all weights are read \
            and others than those it names are refused. Bytes per token are those of a dense cache, and those \
            expected behind the window when the gates reach the ratio they were trained for.
            """)

    @Option(help: ArgumentHelp("The model's folder.", valueName: "dir"))
    var model: String

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let report = try InspectReport(path: model)
        if json { try Console.write(report.json) } else { try Console.write(report.text) }
    }
}
