import DMSCache
import DMSModel
import DMSPolicy
import DMSTensor

/// The cache of one run, and what it tells of itself.
struct BenchmarkCache {
    let attention: any AttentionOperator
    let liveBytes: () -> Int
    let allocatedBytes: () -> Int

    init(_ model: LlamaModel, _ workload: BenchmarkWorkload, retention: DMSConfiguration?) {
        switch workload.mode {
        case .dense:
            let dense = DenseAttention(model, kvType: workload.kvType)
            let bytesPerToken = KVFootprint(model.configuration, type: workload.kvType).bytesPerToken
            attention = dense
            liveBytes = { (0..<workload.concurrency).reduce(0) { $0 + dense.tokenCount(of: $1) } * bytesPerToken }
            allocatedBytes = { dense.allocatedBytes }
        case .noEvict, .dms:
            let rule = workload.mode == .dms ? retention.map { (rule: $0.rule, assembly: $0.assembly) } : nil
            let compact = CompactAttention(
                model, configuration: CacheConfiguration(kvType: workload.kvType), retention: rule)
            attention = compact
            liveBytes = { compact.report().liveBytes }
            allocatedBytes = { compact.report().allocatedBytes }
        }
    }
}
