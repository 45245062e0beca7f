/// How the weights of linear layers lie in memory while a model runs.
///
/// Products of integers want panels in any case. BF16 weights are multiplied as a checkpoint has them, row by row, or in
/// panels, which several rows of a batch read at the speed of memory; a sum is then taken in another order, so that the
/// last bits differ.
public enum WeightLayout: String, Sendable, Hashable, CaseIterable {
    /// Panels where `dms pack` has written them beside the checkpoint, rows elsewhere.
    case stored
    /// As the checkpoint has them, whatever lies beside it.
    case rows
    /// Panels; what lies beside the checkpoint is used where it lies, the rest is copied when the model is opened.
    case panels
}
