import DMSCheckpoint

/// One reading of all weights: numbers that are none, and the digest of the files.
struct ValuesCheck {
    /// Of the weights as they are; `nil` where some could not be read, or none were.
    let digest: WeightsDigest?
    /// Tensors with values that are not finite.
    let broken: [String]
    let findings: [Finding]

    private static let mostListed = 20
    private static let pieceLength = 8 << 20

    /// Reads nothing.
    init(unread: Void) { (digest, broken, findings) = (nil, [], []) }

    /// - Parameter progress: Bytes that were read, of how many.
    init(_ folder: ModelFolder, _ weights: WeightFilesCheck, progress: (Int, Int) -> Void) {
        let names = weights.files.keys.sorted()
        let total = names.reduce(0) { $0 + (weights.files[$1].map(Self.byteCount) ?? 0) }
        var read = 0
        var digests: [String] = []
        var broken: [(tensor: MappedTensor, count: Int)] = []
        for name in names {
            guard let file = weights.files[name], let mapping = try? MappedFile(path: file.path) else { continue }
            var tensors = file.tensors[...]
            digests.append(
                mapping.withBytes { bytes in
                    Self.digest(bytes) { end in
                        // What was just hashed is in the cache of the system, so that the disk is read once.
                        while let tensor = tensors.first,
                            file.header.dataOffset + (file.header.entries[tensors.startIndex].byteRange.upperBound)
                                <= end
                        {
                            tensors.removeFirst()
                            let count = NonFiniteValues.count(in: tensor)
                            if count > 0 { broken.append((tensor, count)) }
                        }
                        progress(read + end, total)
                    }
                })
            read += Self.byteCount(file)
        }
        let isWhole = weights.files.count == weights.members.count && !names.isEmpty
        digest =
            isWhole
            ? WeightsDigest(fileDigests: digests, byteCount: total, isSharded: weights.index != nil) : nil
        self.broken = broken.map { $0.tensor.name }
        var findings = broken.prefix(Self.mostListed).map { tensor, count in
            Finding(
                .problem, .values, file: String(tensor.file.dropFirst(folder.path.count + 1)), .tensor(tensor.name),
                found: "\(count) of \(tensor.elementCount) values not finite, the first at "
                    + "\(NonFiniteValues.firstPlace(in: tensor))",
                required: "numbers", advice: "take an earlier checkpoint: training or conversion went wrong")
        }
        if broken.count > Self.mostListed {
            findings.append(
                Finding(
                    .problem, .values, file: ".",
                    found: "\(broken.count - Self.mostListed) more tensors with values that are not finite",
                    required: "numbers", advice: "take an earlier checkpoint"))
        }
        if findings.isEmpty, isWhole {
            findings.append(Finding(.ok, .values, file: ".", found: "every value is a finite number"))
        }
        self.findings = findings
    }

    private static func byteCount(_ file: SafetensorsFile) -> Int {
        file.header.dataOffset + (file.header.entries.last?.byteRange.upperBound ?? 0)
    }

    /// - Parameter after: Called after each piece with where it ended.
    private static func digest(_ bytes: UnsafeRawBufferPointer, after: (Int) -> Void) -> String {
        var stream = SHA256.Stream()
        var start = 0
        while bytes.count - start > pieceLength {
            stream.append(UnsafeRawBufferPointer(rebasing: bytes[start..<start + pieceLength]))
            start += pieceLength
            after(start)
        }
        let digest = stream.end(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        after(bytes.count)
        return digest
    }
}

/// Elements whose exponent says that they are infinite or no number.
enum NonFiniteValues {
    /// How many there are; 0 for tensors of integers.
    ///
    /// O(n), without memory.
    static func count(in tensor: MappedTensor) -> Int {
        switch tensor.dtype {
        case .bfloat16: count(tensor.bytes, mask: UInt16(0x7F80))
        case .float16: count(tensor.bytes, mask: UInt16(0x7C00))
        case .float32: count(tensor.bytes, mask: UInt32(0x7F80_0000))
        case .float64: count(tensor.bytes, mask: UInt64(0x7FF0_0000_0000_0000))
        default: 0
        }
    }

    /// The indices of the first, as in `[3, 17]`.
    static func firstPlace(in tensor: MappedTensor) -> String {
        let width = tensor.dtype.bitWidth / 8
        var index = 0
        while index < tensor.elementCount {
            let element = UnsafeRawBufferPointer(rebasing: tensor.bytes[index * width..<(index + 1) * width])
            let isFinite =
                switch tensor.dtype {
                case .bfloat16: count(element, mask: UInt16(0x7F80)) == 0
                case .float16: count(element, mask: UInt16(0x7C00)) == 0
                case .float32: count(element, mask: UInt32(0x7F80_0000)) == 0
                default: count(element, mask: UInt64(0x7FF0_0000_0000_0000)) == 0
                }
            if !isFinite { break }
            index += 1
        }
        var place: [Int] = []
        for extent in tensor.shape.reversed() {
            place.insert(index % max(1, extent), at: 0)
            index /= max(1, extent)
        }
        return "\(place)"
    }

    private static func count<Word: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer, mask: Word) -> Int {
        let width = MemoryLayout<Word>.size
        let mask = mask.littleEndian
        var count = 0
        for offset in stride(from: 0, to: bytes.count / width * width, by: width) {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: Word.self)
            count &+= word & mask == mask ? 1 : 0
        }
        return count
    }
}
