import DMSJSON

extension TrainingState {
    /// Brings every process to where process 0 is, which alone reads a saved state.
    ///
    /// All begin with the same bits after it, even where their machines rounded differently on the way there.
    static func share(_ trainer: Trainer, over replicas: any Replicas) throws {
        let step = try replicas.sum([replicas.rank == 0 ? Double(trainer.completedSteps) : 0])[0]
        for (_, arena) in arenas(of: trainer) {
            try replicas.broadcast(
                UnsafeMutableRawBufferPointer(start: arena.pointer, count: arena.count * MemoryLayout<Float>.stride))
        }
        trainer.resume(at: Int(step))
    }
}

extension TrainingState.Identity {
    /// Checks that all processes were given the same options, text and model.
    ///
    /// - Throws: ``TrainingError`` on every process that differs from process 0, naming what does.
    func requireSame(on replicas: any Replicas) throws {
        let recipe = TrainingCorpus.digest(of: Array(JSONValue.object(recipe).text().utf8))
        var others: [String] = []
        for (name, own) in [("options", recipe), ("corpus", corpus), ("model", model)] {
            // Digests, so that all have one length.
            let mine = Array(TrainingCorpus.digest(of: Array(own.utf8)).utf8)
            var first = mine
            try first.withUnsafeMutableBytes { try replicas.broadcast($0) }
            if first != mine { others.append(name) }
        }
        // After all have heard everything, so that nobody waits for one that gave up.
        guard others.isEmpty else {
            throw TrainingError(
                "process \(replicas.rank) of \(replicas.count): \(others.joined(separator: ", "))",
                found: "others than those of process 0", required: "the same on every machine")
        }
    }
}
