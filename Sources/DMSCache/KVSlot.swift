import DMSTensor

/// One slot of a page: room for the key and the value of one token.
///
/// It owns nothing; it is valid while its page is.
struct KVSlot {
    let page: UnsafeMutableRawPointer
    let index: Int

    func key(_ layout: KVPageLayout) -> UnsafeMutableRawPointer { page + index * layout.rowBytes }

    func value(_ layout: KVPageLayout) -> UnsafeMutableRawPointer {
        page + layout.valueOffset + index * layout.rowBytes
    }

    func keyScale(_ layout: KVPageLayout) -> UnsafeMutablePointer<Float>? {
        layout.type.isScaled
            ? (page + layout.keyScaleOffset).assumingMemoryBound(to: Float.self) + index : nil
    }

    func valueScale(_ layout: KVPageLayout) -> UnsafeMutablePointer<Float>? {
        layout.type.isScaled
            ? (page + layout.valueScaleOffset).assumingMemoryBound(to: Float.self) + index : nil
    }

    /// Copies one token between pages of the same element type and head dimension.
    static func copy(from source: KVSlot, _ sourceLayout: KVPageLayout, to target: KVSlot, _ layout: KVPageLayout) {
        target.key(layout).copyMemory(from: source.key(sourceLayout), byteCount: layout.rowBytes)
        target.value(layout).copyMemory(from: source.value(sourceLayout), byteCount: layout.rowBytes)
        if let scale = source.keyScale(sourceLayout) { target.keyScale(layout)?.pointee = scale.pointee }
        if let scale = source.valueScale(sourceLayout) { target.valueScale(layout)?.pointee = scale.pointee }
    }

    /// The run of this and the following slots.
    func run(
        count: Int, _ layout: KVPageLayout, firstQuery: UnsafePointer<Int32>? = nil,
        lastQuery: UnsafePointer<Int32>? = nil
    ) -> KVRun {
        KVRun(
            keys: key(layout), values: value(layout), keyScales: keyScale(layout).map { UnsafePointer($0) },
            valueScales: valueScale(layout).map { UnsafePointer($0) }, count: count, firstQuery: firstQuery,
            lastQuery: lastQuery)
    }
}
