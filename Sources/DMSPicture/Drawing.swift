/// Collects the elements of a picture; coordinates are pixels, y grows downwards.
struct Drawing {
    /// Where a text stands beside its place.
    enum Anchor: String { case start, middle, end }

    private(set) var elements = ""

    mutating func rectangle(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String, title: String? = nil
    ) {
        elements += "<rect class=\"\(style)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" "
        elements += "width=\"\(Self.number(width))\" height=\"\(Self.number(height))\""
        elements += title.map { "><title>\(Markup.escaped($0))</title></rect>\n" } ?? "/>\n"
    }

    /// - Parameters:
    ///   - turn: Degrees clockwise around the text's place.
    ///   - width: If given, what the text is stretched or squeezed to, whatever font the reader has.
    mutating func text(
        _ content: String, _ x: Double, _ y: Double, _ style: String = "ink", anchor: Anchor = .start,
        size: Double = 13, isBold: Bool = false, turn: Int? = nil, width: Double? = nil
    ) {
        elements += "<text class=\"\(style)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\""
        if anchor != .start { elements += " text-anchor=\"\(anchor.rawValue)\"" }
        if size != 13 { elements += " font-size=\"\(Self.number(size))\"" }
        if isBold { elements += " font-weight=\"600\"" }
        if let turn { elements += " transform=\"rotate(\(turn) \(Self.number(x)) \(Self.number(y)))\"" }
        if let width { elements += " textLength=\"\(Self.number(width))\"" }
        elements += ">\(Markup.escaped(content))</text>\n"
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
        elements += "<line class=\"\(style)\" x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" "
        elements += "x2=\"\(Self.number(x2))\" y2=\"\(Self.number(y2))\"/>\n"
    }

    mutating func path(_ data: String, _ style: String, title: String? = nil) {
        elements += "<path class=\"\(style)\" d=\"\(data)\""
        elements += title.map { "><title>\(Markup.escaped($0))</title></path>\n" } ?? "/>\n"
    }

    /// Elements with a title in common, which browsers show where the pointer is.
    mutating func group(title: String, _ body: (inout Drawing) -> Void) {
        elements += "<g><title>\(Markup.escaped(title))</title>\n"
        body(&self)
        elements += "</g>\n"
    }

    /// Elements with attributes in common.
    mutating func group(attributes: String, _ body: (inout Drawing) -> Void) {
        elements += "<g \(attributes)>\n"
        body(&self)
        elements += "</g>\n"
    }

    /// Adds what another drawing has.
    mutating func append(_ other: String) { elements += other }

    /// With at most two decimals.
    static func number(_ value: Double) -> String { Figures.trimmed(value, 2) }
}
