import DMSCheckpoint
import DMSPolicy

/// What this package makes of a folder: it is asked, not guessed.
enum OwnVerdict {
    static func of(_ seen: Examination) -> EngineVerdict {
        if let reason = refusal(seen) { return EngineVerdict(.dms, .refuses, "refuses: \(reason)") }
        var notes: [String] = []
        if let quantization = seen.configuration.configuration?.quantization, quantization.linear != nil {
            notes.append("linear layers are integers, widened as they are multiplied; training refuses such a folder")
        }
        if !seen.values.broken.isEmpty { notes.append("what it computes is not finite, as the weights are not") }
        guard let metadata = seen.metadata.metadata else {
            return EngineVerdict(
                .dms, .loads, "runs it as a plain model that keeps every token: no DMS metadata", notes: notes)
        }
        let dms = metadata.configuration
        notes.insert(
            "decisions from \(dms.source == .adapter ? "an adapter" : "query channel \(dms.channel)"), made "
                + (dms.decisionShift == 0 ? "by each token for itself" : "by the token after it")
                + "; channel zeroed: \(dms.zeroing); a token that is evicted is seen for \(dms.windowSize) more"
                + (dms.windowInclusive ? "" : ", less one"), at: 0)
        if metadata.origins[.profile] == .convention {
            notes.append("no profile is named: what is not stated is read as the published files mean it")
        }
        if metadata.weightsSHA256 == nil { notes.append("whether the metadata are of these weights is not known") }
        if metadata.weightsSHA256 != nil, seen.values.digest == nil {
            notes.append("it hashes the weights when it loads them, and refuses others than weights_sha256 names")
        }
        if seen.gates.areAllZero { notes.append("every gate is a row of zeros") }
        if let length = metadata.contextLength, let positions = seen.configuration.configuration?.maximumPositions,
            positions > length
        {
            notes.append(
                "gates were trained on texts of \(length) tokens and are not to be trusted far beyond, though there are "
                    + "\(positions) positions")
        }
        return EngineVerdict(
            .dms, .loads,
            "runs it with eviction, profile \(metadata.profile), window \(dms.windowSize), scale \(dms.alphaScale), offset "
                + "\(dms.alphaOffset)", notes: notes)
    }

    /// The error that loading it ends with, in the order in which everything is opened.
    private static func refusal(_ seen: Examination) -> String? {
        do throws(CheckpointError) {
            let directory = try ModelDirectory.open(path: seen.folder.path)
            let metadata = try DMSMetadata.read(directory: directory.path, config: directory.configuration.raw)
            try metadata?.requireRunnable(
                headDimension: directory.configuration.headDimension, directory: directory.path)
            if let error = seen.digest.error { throw error }
            if let error = seen.tokenizer.error { return error }
            try directory.validateWeights()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
