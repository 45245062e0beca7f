import DMSCheckpoint

/// A checkpoint's weights in one number that takes no time: the SHA-256 of a few bytes of every tensor, its name, type
/// and shape among them.
///
/// Weights that were trained on, or exchanged, have another number; an edit of a few rows may leave it as it was.
struct WeightsSample {
    private static let places = 4
    private static let bytesOfPlace = 64

    let sha256: String

    /// Reads some pages of every tensor.
    init(_ weights: CheckpointTensors) {
        var text = ""
        for name in weights.names {
            guard let tensor = weights[name] else { continue }
            text += "\(name) \(tensor.dtype.rawValue) \(tensor.shape)"
            let last = max(0, tensor.bytes.count - Self.bytesOfPlace)
            for place in 0..<Self.places {
                let first = last * place / (Self.places - 1)
                for byte in tensor.bytes[first..<min(first + Self.bytesOfPlace, tensor.bytes.count)] {
                    text += " \(byte)"
                }
            }
            text += "\n"
        }
        sha256 = SHA256.hexDigest(of: text)
    }
}
