import Testing

@testable import DMSEngine
@testable import DMSServer

@Suite("Metrics")
struct MetricsTests {
    @Test("a histogram's buckets hold what is at most their bound")
    func histogram() {
        var histogram = Histogram(bounds: [0.1, 1, 10])
        for value in [0.05, 0.1, 0.5, 1, 9, 11] { histogram.observe(value) }
        #expect(histogram.cumulative == [2, 4, 5])
        #expect(histogram.total == 6 && abs(histogram.sum - 21.65) < 1e-12)
        var text = MetricsText()
        text.add("t", "Time.", histogram)
        #expect(
            text.text == """
                # HELP t Time.
                # TYPE t histogram
                t_bucket{le="0.1"} 2
                t_bucket{le="1"} 4
                t_bucket{le="10"} 5
                t_bucket{le="+Inf"} 6
                t_sum 21.65
                t_count 6

                """)
    }

    @Test("what ends is counted by its own times")
    func ends() {
        let metrics = ServerMetrics()
        metrics.noteEnd(
            GenerationSummary(
                reason: .length, text: "", promptTokens: 1, generatedTokens: 5, preemptions: 0, reusedTokens: 0,
                cachedTokens: 0,
                queueSeconds: 0.5,
                firstTokenSeconds: 1, totalSeconds: 3))
        // Neither a first token nor a second one.
        metrics.noteEnd(
            GenerationSummary(
                reason: .deadline, text: "", promptTokens: 1, generatedTokens: 0, preemptions: 0, reusedTokens: 0,
                cachedTokens: 0,
                queueSeconds: nil,
                firstTokenSeconds: nil, totalSeconds: 2))
        let values = metrics.values
        #expect(values.queueTime.total == 1 && values.timeToFirstToken.sum == 1)
        #expect(values.timePerToken.total == 1 && values.timePerToken.sum == 0.5)
        #expect(values.generationTime.total == 2 && values.generationTime.sum == 5)
    }

    @Test("every line of the report has the form that Prometheus reads, and every number is there")
    func report() throws {
        var engine = EngineStatistics()
        engine.liveBytes = 10
        engine.denseBytes = 80
        engine.allocatedBytes = 16
        engine.budgetBytes = 100
        engine.preemptions = 7
        engine.prefixHits = 4
        engine.reusedTokens = 99
        engine.finished = [.stop: 3]
        engine.speculation.drafts = 5
        engine.speculation.proposedTokens = 20
        engine.speculation.acceptedTokens = 11
        let metrics = ServerMetrics()
        metrics.noteResponse(endpoint: "/v1/models", status: 200)
        metrics.noteResponse(endpoint: "/v1/models", status: 200)
        let text = MetricsReport(engine: engine, server: metrics.values, connections: 2).text
        for line in text.split(separator: "\n") {
            let isComment = line.wholeMatch(of: /# (HELP dms_[a-z_]+ .+|TYPE dms_[a-z_]+ (counter|gauge|histogram))/)
            let isSample = line.wholeMatch(of: /dms_[a-z_]+(\{[^{}]+\})? [0-9.e+-]+/)
            #expect(isComment != nil || isSample != nil, "\(line)")
        }
        for line in [
            "dms_kv_live_bytes 10", "dms_kv_evicted_bytes 70", "dms_kv_allocated_bytes 16",
            "dms_kv_budget_bytes 100", "dms_preemptions_total 7", "dms_prefix_hits_total 4",
            "dms_prefix_tokens_total 99", "dms_speculation_drafts_total 5",
            "dms_speculation_proposed_tokens_total 20", "dms_speculation_accepted_tokens_total 11",
            "dms_http_connections 2",
            "dms_generations_finished_total{reason=\"stop\"} 3",
            "dms_generations_finished_total{reason=\"deadline\"} 0",
            "dms_http_requests_total{endpoint=\"/v1/models\",status=\"200\"} 2",
        ] {
            #expect(text.contains("\n\(line)\n"), "\(line)")
        }
    }
}
