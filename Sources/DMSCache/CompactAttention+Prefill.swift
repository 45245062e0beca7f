import DMSModel
import DMSTensor

/// Consecutive rows of one sequence, computed together.
private struct Block {
    let rows: Range<Int>
    let firstPosition: Int

    var lastPosition: Int32 { Int32(firstPosition + rows.count - 1) }
    func position(of row: Int) -> Int { firstPosition + row - rows.lowerBound }
    func row(of position: Int) -> Int { rows.lowerBound + position - firstPosition }
}

extension CompactAttention {
    /// Attention of many rows of one sequence in one layer, block by block.
    func prefill(
        layer: Int, _ span: ForwardBatch.Span, _ sequence: CachedSequence, _ input: AttentionInput,
        _ decisions: EvictionDecisions?, into output: MatrixView
    ) throws {
        var row = span.rows.lowerBound
        while row < span.rows.upperBound {
            let end = min(row + configuration.rowsPerBlock, span.rows.upperBound)
            let block = Block(rows: row..<end, firstPosition: span.firstPosition + row - span.rows.lowerBound)
            stage(block, input)
            decideBefore(block, layer, sequence, decisions)
            lists.removeAll()
            lists.addSequence(rows: block.rows, firstPosition: block.firstPosition) { head, runs in
                appendStored(block, head, stream(layer, head), sequence, to: &runs)
                appendStaged(block, head, decisions, to: &runs)
            }
            try computeAttention(input.queries, into: output)
            try commit(block, layer, sequence, decisions)
            row = end
        }
    }

    private var stagingArea: StagingArea {
        guard let staging else { preconditionFailure("prefill without a staging area") }
        return staging
    }

    private func stage(_ block: Block, _ input: AttentionInput) {
        let area = stagingArea
        for head in 0..<shape.keyValueHeads {
            let slot = area.slot(head: head, row: 0)
            let columns = columns(of: head)
            kernels.storeKV(
                input.keys.rows(block.rows).columns(columns), type: layout.type, into: slot.key(stagingLayout),
                scales: slot.keyScale(stagingLayout))
            kernels.storeKV(
                input.values.rows(block.rows).columns(columns), type: layout.type,
                into: slot.value(stagingLayout), scales: slot.valueScale(stagingLayout))
        }
        for row in block.rows {
            area.firstQueries[row - block.rows.lowerBound] = Int32(block.position(of: row))
        }
    }

    /// Applies what the block's first token decides for a token of the ring: its queries have to know.
    private func decideBefore(
        _ block: Block, _ layer: Int, _ sequence: CachedSequence, _ decisions: EvictionDecisions?
    ) {
        guard let decided = schedule.step(at: block.firstPosition).decidedSlot else { return }
        for head in 0..<shape.keyValueHeads {
            let evicts = decisions?.evicts(row: block.rows.lowerBound, head: head) ?? false
            sequence.lease.setEvicted(stream(layer, head), ringSlot: decided, evicts)
        }
    }

    /// The pages of a stream, with bounds where an evicted token of the ring leaves the window within the block.
    private func appendStored(
        _ block: Block, _ head: Int, _ stream: Int, _ sequence: CachedSequence, to runs: inout [KVRun]
    ) {
        let ringUsed = schedule.ringSlots(of: block.firstPosition)
        if ringUsed == 0 { return appendPages(stream, sequence, to: &runs) }
        let area = stagingArea
        let bounds = area.ringLastQueries(head: head)
        fillBounds(bounds, block, stream, sequence, ringUsed)
        var start = 0
        let used = Int(sequence.lease.streams[stream].used)
        for page in sequence.lease.pageNames(stream) {
            let count = min(used - start, layout.slotsPerPage)
            let slot = KVSlot(page: pool.address(page), index: 0)
            let hides = start < ringUsed && (start..<start + count).contains { bounds[$0] < block.lastPosition }
            runs.append(slot.run(count: count, layout, lastQuery: hides ? UnsafePointer(bounds + start) : nil))
            start += count
        }
    }

    /// Writes the last query of every slot in the pages that the ring touches.
    private func fillBounds(
        _ bounds: UnsafeMutablePointer<Int32>, _ block: Block, _ stream: Int, _ sequence: CachedSequence,
        _ ringUsed: Int
    ) {
        let slots = roundUp(ringUsed, to: layout.slotsPerPage)
        bounds.update(repeating: .max, count: slots)
        let positions = schedule.ringPositions(of: block.firstPosition)
        var slot = schedule.ringSlot(of: positions.lowerBound)
        for position in positions {
            let evicted = sequence.lease.isEvicted(stream, ringSlot: slot)
            if evicted { bounds[slot] = schedule.lastQuery(seeing: position, evicted: true) }
            slot += 1
            if slot == ringUsed { slot = 0 }
        }
    }

    /// The block's own tokens: each is seen from its own position on, as long as the rule says.
    private func appendStaged(_ block: Block, _ head: Int, _ decisions: EvictionDecisions?, to runs: inout [KVRun]) {
        let area = stagingArea
        let last = area.lastQueries(head: head)
        var hides = false
        for row in block.rows {
            let position = block.position(of: row)
            let decider = block.row(of: schedule.decider(of: position))
            // A decider behind the block comes after all queries of the block that see the token.
            let evicted = block.rows.contains(decider) && decisions?.evicts(row: decider, head: head) ?? false
            let bound = schedule.lastQuery(seeing: position, evicted: evicted)
            last[row - block.rows.lowerBound] = bound
            hides = hides || bound < block.lastPosition
        }
        runs.append(
            area.slot(head: head, row: 0).run(
                count: block.rows.count, stagingLayout, firstQuery: UnsafePointer(area.firstQueries),
                lastQuery: hides ? UnsafePointer(last) : nil))
    }

    /// Lets the block's tokens arrive one by one.
    private func commit(
        _ block: Block, _ layer: Int, _ sequence: CachedSequence, _ decisions: EvictionDecisions?
    ) throws {
        for row in block.rows {
            let step = schedule.step(at: block.position(of: row))
            for head in 0..<shape.keyValueHeads {
                let stream = stream(layer, head)
                let evicts = decisions?.evicts(row: row, head: head) ?? false
                let slot = try sequence.lease.advance(stream, step, evicts: evicts, &pool)
                let area = stagingArea
                let source = area.slot(head: head, row: row - block.rows.lowerBound)
                KVSlot.copy(from: source, stagingLayout, to: slot, layout)
                storedAfterRow[row] += Int(sequence.lease.streams[stream].used)
            }
        }
    }
}
