import DMSEvaluation
import DMSModel
import DMSTensor

/// Who is asked in a needle task.
enum NeedleSubjects {
    /// With eviction, without, and the base: what is there of them.
    static func make(
        _ model: LlamaModel, base: LlamaModel?, kvType: ScalarType, passLength: Int, isStrict: Bool = false
    ) throws -> [Subject] {
        let runner = try ModelRunner(model, passLength: passLength)
        func path() -> any AttentionPath {
            isStrict ? StrictPath(model, kvType: kvType) : CompactPath(model, kvType: kvType)
        }
        var subjects: [Subject] = []
        if model.dms != nil { subjects.append(Subject(name: "dms", runner: runner, path: path())) }
        subjects.append(Subject(name: "no_evict", runner: runner, path: path(), eviction: .off))
        if let base {
            subjects.append(
                Subject(
                    name: "base", runner: try ModelRunner(base, passLength: passLength),
                    path: StrictPath(base, kvType: base.precision.cacheType), eviction: .off))
        }
        return subjects
    }
}
