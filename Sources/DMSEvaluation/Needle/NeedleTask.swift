/// What has to be found in a long text.
public enum NeedleTask: String, Sendable, Hashable, CaseIterable {
    /// One fact at a chosen depth.
    case needle
    /// One of four facts of the same form; the others stand at random depths.
    case multiKey = "multi-key"
    /// A number handed on by three later sentences; the last thing is asked for. Chains of references come from RULER
    /// (Hsieh et al., arXiv 2404.06654).
    case variableTracking = "variable-tracking"

    /// Facts in the text.
    var factCount: Int { self == .needle ? 1 : 4 }
}
