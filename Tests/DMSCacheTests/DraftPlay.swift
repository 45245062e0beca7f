import DMSCache
import DMSModel
import DMSTensor

/// Tokens of one sequence in a pass, taken from scripts.
struct DraftPart {
    let sequence: Int
    let position: Int
    /// One per row: token `position + row` of it.
    let scripts: [Script]
    var rowByRow = true
    var draftRows = 0

    /// What is known to be right, and then guesses, some of which are.
    static func draft(
        _ sequence: Int, at position: Int, _ right: Script, _ wrong: Script, rows: Int, accepted: Int
    ) -> DraftPart {
        DraftPart(
            sequence: sequence, position: position,
            scripts: (0...rows).map { $0 <= accepted ? right : wrong }, draftRows: rows)
    }

    /// Row by row in passes of their own.
    static func decode(
        _ sequence: Int, at position: Int, _ scripts: [Script], _ attention: any AttentionOperator
    ) throws -> [[[Float]]] {
        var outputs: [[[Float]]] = Array(repeating: [], count: scripts.first?.layers ?? 0)
        for (offset, script) in scripts.enumerated() {
            let part = DraftPart(sequence: sequence, position: position + offset, scripts: [script])
            for (layer, rows) in try DraftPart.play([part], attention)[0].enumerated() { outputs[layer] += rows }
        }
        return outputs
    }

    var batch: ForwardBatch {
        var batch = ForwardBatch()
        append(to: &batch)
        return batch
    }

    private func append(to batch: inout ForwardBatch) {
        batch.append(
            sequence: sequence, tokens: Array(repeating: Int32(0), count: scripts.count), firstPosition: position,
            rowByRow: rowByRow, draftRows: draftRows)
    }

    /// One pass over all parts.
    ///
    /// - Returns: What attention computed, `[part][layer][row][queryHeads · d]`.
    static func play(_ parts: [DraftPart], _ attention: any AttentionOperator) throws -> [[[[Float]]]] {
        guard let script = parts.first?.scripts.first else { return [] }
        let shape = script.shape
        var batch = ForwardBatch()
        for part in parts { part.append(to: &batch) }
        let queries = try Tensor(rows: batch.rowCount, columns: shape.queryHeads * shape.headDimension)
        let keys = try Tensor(rows: batch.rowCount, columns: shape.keyValueHeads * shape.headDimension)
        let values = try Tensor(rows: batch.rowCount, columns: shape.keyValueHeads * shape.headDimension)
        let output = try Tensor(rows: batch.rowCount, columns: shape.queryHeads * shape.headDimension)
        func copy(_ source: [Float], to row: UnsafeMutableBufferPointer<Float>) {
            for (index, value) in source.enumerated() { row[index] = value }
        }
        var outputs: [[[[Float]]]] = Array(repeating: [], count: parts.count)
        try attention.begin(batch)
        for layer in 0..<script.layers {
            var flags: [UInt8] = []
            for (part, span) in zip(parts, batch.spans) {
                for (offset, row) in span.rows.enumerated() {
                    let script = part.scripts[offset]
                    copy(script.queries[layer][part.position + offset], to: queries.view.row(row))
                    copy(script.keys[layer][part.position + offset], to: keys.view.row(row))
                    copy(script.values[layer][part.position + offset], to: values.view.row(row))
                    flags += script.decisions[layer][part.position + offset].map { $0 ? 1 : 0 }
                }
            }
            try flags.withUnsafeBufferPointer { flags in
                let decisions = flags.baseAddress.map {
                    EvictionDecisions(flags: $0, rows: batch.rowCount, heads: shape.keyValueHeads)
                }
                let input = AttentionInput(
                    queries: queries.view, keys: keys.view, values: values.view, decisions: decisions)
                try attention.attend(layer: layer, input, into: output.view)
            }
            for (index, span) in batch.spans.enumerated() {
                outputs[index].append(span.rows.map { Array(output.view.row($0)) })
            }
        }
        attention.finish(batch)
        return outputs
    }
}
