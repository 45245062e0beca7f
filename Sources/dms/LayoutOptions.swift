public import ArgumentParser
public import DMSTensor

/// How weights lie in memory, for verbs that run a model.
struct LayoutOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "stored, rows or panels: how the weights of linear layers lie.",
            discussion: "stored takes panels from the file that 'dms pack' writes, where there is one, else rows as in "
                + "the checkpoint; panels lays out what is not stored so, which takes as much memory again.",
            valueName: "layout"))
    var layout = WeightLayout.stored
}

extension WeightLayout: ExpressibleByArgument {}
