import ArgumentParser
import DMSJSON

struct InspectCommand: ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "What a model's folder holds, what serving it takes, and what its heads keep of a text.",
        discussion: """
              dms inspect --model DIR
              dms inspect --model DIR --json
              dms inspect --families

            Checks every file and the shape of every tensor. For a model with eviction, each value is shown with the \
            file it came from; where weights_sha256 is stated, here as whenever a model is loaded, all weights are read \
            and others than those it names are refused. Bytes per token are those of a dense cache, and those \
            expected behind the window when the gates reach the ratio they were trained for.

            With --output FILE.html the model reads a text, and a report is written that needs no other file: which words \
            survive, tokens x heads, what each head keeps, memory against context, and training curves where the \
            folder has a log. The text is --prompt, --prompt-file, --corpus, or standard input; without any of them the \
            model that comes with dms reads one made for it. What takes longer is asked for: --measure perplexity \
            (perplexity and KL divergence against live ratio, for the gate, sliding windows and random gates), --measure \
            recall (found by depth and length).

              dms inspect --output report.html --measure recall
              dms inspect --model DIR --corpus valid.txt --base BASE --measure perplexity --output report.html --parts svg

            With --verify nothing is run. Every file is checked, and everything that is wrong is found, not the first of it: \
            what is there, what is required, what to do; and what dms, plain Transformers and FastDMS will make of the \
            folder. Exit status 1 when something is a problem, 0 with warnings alone. --fix-metadata writes into \
            dms_metadata.json what is missing there, from config.json, from the weights (their digest) and from what you say; \
            it changes no value that is stated, and saying another one is an error. Again, it writes nothing.

              dms inspect --verify DIR
              dms inspect --verify DIR --fix-metadata --profile fastdms --window-size 256 --alpha-scale 100 --alpha-offset 5
            """)

    @Argument(help: ArgumentHelp("With --verify, the folder, as --model.", valueName: "folder"))
    var folder: String?

    @Option(help: HubOptions.help("The model", orElse: "the small model that comes with dms"))
    var model: String?

    @Flag(help: "List the model families that are supported, and read no model.")
    var families = false

    @OptionGroup(title: "Verifying")
    var verifying: InspectVerifyOptions

    @OptionGroup(title: "Report")
    var report: InspectPageOptions

    @OptionGroup(title: "Computing")
    var cache: CacheOptions

    @OptionGroup(title: "Computing")
    var compute: ComputeOptions

    @OptionGroup var hub: HubOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        if let name = model ?? self.folder { model = try folder(name) }
        if let name = report.base { report.base = try folder(name) }
    }

    func validate() throws {
        if families, model != nil || folder != nil || verifying.verify || report.output != nil {
            throw ValidationError(
                "--families reads no model: --model, a folder, --verify and --output are of no use with it")
        }
        let computing = [("kv-dtype", cache.kvType != nil)] + compute.given
        try verifying.validate(folder: folder, model: model, output: report.output)
        try report.validate(otherOptions: computing)
        if report.output != nil, !report.hasText, model != nil, Console.isInputTerminal {
            throw ValidationError("a report needs a text: --prompt, --prompt-file, --corpus, or standard input")
        }
    }

    func run() throws {
        if families {
            if json { try Console.write(FamilyList.json) } else { try Console.write(FamilyList.text) }
            return
        }
        let path = try model ?? ShippedModel.path()
        if verifying.verify { return try InspectVerify(path: path, options: verifying, isJSON: json).run() }
        let facts = try InspectReport(path: path)
        guard let output = report.output else {
            if json { try Console.write(facts.json) } else { try Console.write(facts.text) }
            return
        }
        let page = try InspectPage(self, modelPath: path)
        let written = try page.write(to: output)
        if json {
            var object = facts.json
            object["report"] = .object(written.json)
            try Console.write(object)
        } else {
            try Console.write(written.text)
        }
    }
}
