import DMSEngine

/// Everything `/metrics` says.
struct MetricsReport {
    let engine: EngineStatistics
    let server: ServerMetrics.Values
    let connections: Int

    var text: String {
        var out = MetricsText()
        addRequests(&out)
        addTokens(&out)
        addLatencies(&out)
        addMemory(&out)
        return out.text
    }

    private func addRequests(_ out: inout MetricsText) {
        var answers: [MetricsText.Sample] = []
        for (endpoint, statuses) in server.requests.sorted(by: { $0.key < $1.key }) {
            for (status, count) in statuses.sorted(by: { $0.key < $1.key }) {
                answers.append(.init(labels: "endpoint=\"\(endpoint)\",status=\"\(status)\"", value: count))
            }
        }
        out.add("dms_http_requests_total", .counter, "HTTP requests answered.", answers)
        out.add("dms_http_connections", .gauge, "Connections that are open.", connections)
        out.add("dms_generations_running", .gauge, "Continuations that hold KV cache.", engine.running)
        out.add("dms_generations_waiting", .gauge, "Continuations that wait for their turn.", engine.waiting)
        out.add(
            "dms_generations_paused", .gauge, "Continuations whose clients have enough to read.", engine.paused)
        out.add(
            "dms_generations_finished_total", .counter, "Continuations that ended, by reason.",
            FinishReason.allCases.map { .init(labels: "reason=\"\($0.rawValue)\"", value: engine.finished[$0] ?? 0) })
        out.add(
            "dms_generations_failed_total", .counter, "Continuations that ended with an error.", engine.failed)
        out.add(
            "dms_preemptions_total", .counter, "Times a continuation gave its memory back to be computed again.",
            engine.preemptions)
    }

    private func addTokens(_ out: inout MetricsText) {
        out.add("dms_prompt_tokens_total", .counter, "Tokens of prompts.", engine.promptTokens)
        out.add("dms_generated_tokens_total", .counter, "Tokens chosen.", engine.generatedTokens)
        out.add(
            "dms_computed_tokens_total", .counter, "Rows of all passes, recomputation included.",
            engine.computedTokens)
        out.add(
            "dms_speculation_proposed_tokens_total", .counter, "Tokens guessed ahead.",
            engine.speculation.proposedTokens)
        out.add(
            "dms_speculation_accepted_tokens_total", .counter, "Those among them that were right.",
            engine.speculation.acceptedTokens)
        out.add(
            "dms_speculation_drafts_total", .counter, "Guesses, each for one continuation in one pass.",
            engine.speculation.drafts)
        out.add("dms_steps_total", .counter, "Forward passes.", engine.steps)
        out.add("dms_step_seconds_total", .counter, "Time of all passes.", engine.stepSeconds)
        out.add("dms_model_seconds_total", .counter, "The part of it that the model took.", engine.modelSeconds)
        out.add(
            "dms_scheduler_seconds_total", .counter, "The part of it that planning took.", engine.schedulerSeconds)
    }

    private func addLatencies(_ out: inout MetricsText) {
        out.add("dms_queue_seconds", "From submission to the first pass.", server.queueTime)
        out.add(
            "dms_time_to_first_token_seconds", "From submission to the first token.", server.timeToFirstToken)
        out.add(
            "dms_time_per_output_token_seconds", "Mean time between the tokens of a continuation.",
            server.timePerToken)
        out.add("dms_generation_seconds", "From submission to the end.", server.generationTime)
    }

    private func addMemory(_ out: inout MetricsText) {
        out.add("dms_kv_live_bytes", .gauge, "Keys and values of live tokens.", engine.liveBytes)
        out.add(
            "dms_kv_evicted_bytes", .gauge, "What a dense cache would hold beside them now.",
            max(0, engine.denseBytes - engine.liveBytes))
        out.add("dms_kv_allocated_bytes", .gauge, "Pages, tables and staging.", engine.allocatedBytes)
        out.add(
            "dms_kv_allocated_peak_bytes", .gauge, "The most that was ever allocated.", engine.peakAllocatedBytes)
        if let budget = engine.budgetBytes {
            out.add("dms_kv_budget_bytes", .gauge, "What may be allocated.", budget)
        }
        out.add("dms_workspace_bytes", .gauge, "Activations and logits.", engine.workspaceBytes)
        out.add("dms_prefixes_stored", .gauge, "Prefixes of prompts that are stored.", engine.storedPrefixes)
        out.add("dms_prefixes_reclaimed_total", .counter, "Prefixes that were given up.", engine.reclaimedPrefixes)
        out.add("dms_prefix_hits_total", .counter, "Continuations that began with a prefix.", engine.prefixHits)
        out.add("dms_prefix_tokens_total", .counter, "Tokens that these did not compute.", engine.reusedTokens)
        out.add("dms_kv_pages", .gauge, "Cache pages in use.", engine.pagesInUse)
        out.add("dms_kv_decisions_total", .counter, "Decisions of all gates.", engine.decisions)
        out.add("dms_kv_evictions_total", .counter, "Those among them that evict.", engine.evictions)
    }
}
