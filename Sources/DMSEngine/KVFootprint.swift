public import DMSCheckpoint
public import DMSTensor

/// What keys and values cost in a dense cache.
public struct KVFootprint: Sendable, Hashable {
    /// The element type of keys and values.
    public let type: ScalarType
    /// Keys and values of all layers and heads for one token, with the scales that FP8 and INT8 need.
    public let bytesPerToken: Int

    /// The footprint of a model's shape.
    public init(_ configuration: LlamaConfiguration, type: ScalarType) {
        self.type = type
        let row = configuration.headDimension * type.byteCount + (type.isScaled ? MemoryLayout<Float>.size : 0)
        bytesPerToken = 2 * row * configuration.keyValueHeadCount * configuration.layerCount
    }
}
