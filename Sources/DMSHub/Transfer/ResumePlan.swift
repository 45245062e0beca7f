/// How a file that is partly here is fetched, as pure decisions.
enum ResumePlan {
    /// What to do with an answer.
    enum Reaction: Equatable {
        /// Its bytes follow those that are here.
        case append
        /// It has the whole file: what is here goes.
        case restart
        /// It has nothing for what is here: that goes, and everything is asked for.
        case discard
        /// It contradicts the listing.
        case refuse(found: String, required: String)
    }

    /// - Parameters:
    ///   - status: 200, 206 or 416; others never get here.
    ///   - contentRange: The header of that name.
    ///   - contentLength: The header of that name.
    ///   - offset: The first byte asked for.
    ///   - size: The length of the whole file by the listing.
    static func reaction(
        status: Int, contentRange: String?, contentLength: Int?, offset: Int, size: Int
    ) -> Reaction {
        switch status {
        case 416: return .discard
        case 206:
            guard let range = contentRange.flatMap(ByteRange.init(parsing:)) else {
                return .refuse(
                    found: "Content-Range \(HubError.quoted(contentRange ?? "absent"))",
                    required: "the range bytes \(offset)-\(size - 1)/\(size)")
            }
            if let total = range.total, total != size {
                return .refuse(found: "a file of \(total) bytes", required: "\(size) bytes, as the listing says")
            }
            // Another part than the one asked for is of no use, and the next try asks for the whole file.
            return range.first == offset && range.last < size ? .append : .discard
        default:
            if let contentLength, contentLength != size {
                return .refuse(found: "\(contentLength) bytes", required: "\(size) bytes, as the listing says")
            }
            return offset == 0 ? .append : .restart
        }
    }
}

/// The header `Content-Range: bytes FIRST-LAST/TOTAL`.
struct ByteRange: Equatable {
    let first: Int
    let last: Int
    /// `nil` where the server does not say.
    let total: Int?

    init?(parsing text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
        let halves = words[1].split(separator: "/", omittingEmptySubsequences: false)
        let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard halves.count == 2, ends.count == 2, let first = Int(ends[0]), let last = Int(ends[1]), first >= 0,
            last >= first
        else { return nil }
        if halves[1] == "*" {
            total = nil
        } else {
            guard let number = Int(halves[1]), number > last else { return nil }
            total = number
        }
        self.first = first
        self.last = last
    }
}
