import DMSPolicy
import DMSTensor

/// Keys and values of every token of one sequence: `[layer][head][capacity][d]`, and who sees them.
final class DenseSequence {
    private let shape: AttentionShape
    private let layerCount: Int
    private let kvType: ScalarType
    private var capacity = 0
    private var storage: HostBuffer?
    /// Tokens stored in every layer.
    var count = 0

    init(shape: AttentionShape, layerCount: Int, kvType: ScalarType) {
        self.shape = shape
        self.layerCount = layerCount
        self.kvType = kvType
    }

    var byteCount: Int { storage?.byteCount ?? 0 }

    private var streams: Int { layerCount * shape.keyValueHeads }
    private var rowBytes: Int { shape.headDimension * kvType.byteCount }

    // One block per (layer, head): keys, values, key scales, value scales, last query that sees each key.
    private func blockBytes(_ capacity: Int) -> Int { capacity * (2 * rowBytes + 3 * 4) }

    /// Makes room for `tokens` tokens in all, at least doubling so that growth costs O(1) per token.
    func reserve(_ tokens: Int) throws {
        if tokens <= capacity { return }
        let grownCapacity = max(tokens, min(capacity * 2, capacity + 16384), 64)
        let grown = try HostBuffer(byteCount: streams * blockBytes(grownCapacity))
        for stream in 0..<streams {
            let old = stream * blockBytes(capacity)
            let new = stream * blockBytes(grownCapacity)
            for section in Section.allCases {
                guard let storage, count > 0 else { continue }
                (grown.pointer + new + offset(section, grownCapacity)).copyMemory(
                    from: storage.pointer + old + offset(section, capacity), byteCount: count * width(section))
            }
            let last = (grown.pointer + new + offset(.lastQuery, grownCapacity)).assumingMemoryBound(to: Int32.self)
            for position in count..<grownCapacity { last[position] = .max }
        }
        storage = grown
        capacity = grownCapacity
    }

    private enum Section: CaseIterable { case keys, values, keyScales, valueScales, lastQuery }

    private func width(_ section: Section) -> Int {
        switch section {
        case .keys, .values: rowBytes
        case .keyScales, .valueScales, .lastQuery: 4
        }
    }

    private func offset(_ section: Section, _ capacity: Int) -> Int {
        switch section {
        case .keys: 0
        case .values: capacity * rowBytes
        case .keyScales: capacity * 2 * rowBytes
        case .valueScales: capacity * (2 * rowBytes + 4)
        case .lastQuery: capacity * (2 * rowBytes + 8)
        }
    }

    private func address(_ section: Section, layer: Int, head: Int, position: Int = 0) -> UnsafeMutableRawPointer {
        guard let storage else { preconditionFailure("a sequence used before memory was reserved") }
        let block = (layer * shape.keyValueHeads + head) * blockBytes(capacity)
        return storage.pointer + block + offset(section, capacity) + position * width(section)
    }

    private func floats(_ section: Section, layer: Int, head: Int, position: Int = 0) -> UnsafeMutablePointer<Float>? {
        guard kvType.isScaled else { return nil }
        return address(section, layer: layer, head: head, position: position).assumingMemoryBound(to: Float.self)
    }

    func store(layer: Int, span: ForwardBatch.Span, input: AttentionInput, kernels: any InferenceKernels) {
        for head in 0..<shape.keyValueHeads {
            for (rows, section, scales) in [
                (input.keys, Section.keys, Section.keyScales), (input.values, .values, .valueScales),
            ] {
                let part = rows.rows(span.rows).columns(
                    head * shape.headDimension..<(head + 1) * shape.headDimension)
                kernels.storeKV(
                    part, type: kvType,
                    into: address(section, layer: layer, head: head, position: span.firstPosition),
                    scales: floats(scales, layer: layer, head: head, position: span.firstPosition))
            }
        }
    }

    /// Records what this pass's tokens decided.
    func mark(
        layer: Int, span: ForwardBatch.Span, decisions: EvictionDecisions, rule: RetentionRule,
        assembly: DecisionAssembly
    ) {
        for head in 0..<shape.keyValueHeads {
            let last = address(.lastQuery, layer: layer, head: head).assumingMemoryBound(to: Int32.self)
            for row in span.rows {
                let decider = span.firstPosition + row - span.rows.lowerBound
                guard let key = assembly.key(decidedBy: decider) else { continue }
                last[key] = rule.lastQuery(seeing: key, evicted: decisions.evicts(row: row, head: head))
            }
        }
    }

    func run(
        layer: Int, head: Int, count: Int, firstQuery: UnsafePointer<Int32>?, isMasked: Bool
    ) -> KVRun {
        let last = address(.lastQuery, layer: layer, head: head).assumingMemoryBound(to: Int32.self)
        return KVRun(
            keys: address(.keys, layer: layer, head: head), values: address(.values, layer: layer, head: head),
            keyScales: floats(.keyScales, layer: layer, head: head).map { UnsafePointer($0) },
            valueScales: floats(.valueScales, layer: layer, head: head).map { UnsafePointer($0) }, count: count,
            firstQuery: firstQuery, lastQuery: isMasked ? UnsafePointer(last) : nil)
    }
}
