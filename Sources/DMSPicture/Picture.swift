/// A finished drawing: an element of a page, or a file of its own.
public struct Picture: Sendable, Hashable {
    /// What it shows, for those who do not see it, and above it in a file.
    public let title: String
    /// In pixels.
    public let width: Int
    /// In pixels.
    public let height: Int
    private let body: String

    init(title: String, width: Double, height: Double, _ drawing: Drawing) {
        self.title = title
        self.width = Int(width.rounded(.up))
        self.height = Int(height.rounded(.up))
        body = drawing.elements
    }

    /// An `svg` element for a page that has ``Palette/pictureStyle``.
    ///
    /// - Parameter attributes: More attributes of the element, with a blank before each.
    public func element(attributes: String = "") -> String {
        """
        <svg width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)" font-size="13" role="img" \
        aria-label="\(Markup.escaped(title))"\(attributes)>
        \(body)</svg>

        """
    }

    /// The text of an SVG file: a ground, a title above, a caption below, and styles for light and dark.
    ///
    /// - Parameter caption: Lines.
    public func file(caption: String = "") -> String {
        let lines = caption.split(separator: "\n").map(String.init)
        let widest = max(title.count * 10, (lines.map(\.count).max() ?? 0) * 7)
        let fullWidth = max(width, widest) + 40
        let top = 52
        let fullHeight = top + height + 18 * lines.count + (lines.isEmpty ? 16 : 24)
        var frame = Drawing()
        frame.text(title, 20, 32, size: 17, isBold: true)
        var below = Drawing()
        for (index, line) in lines.enumerated() {
            below.text(line, 20, Double(top + height + 22 + 18 * index), "mute")
        }
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <svg xmlns="http://www.w3.org/2000/svg" width="\(fullWidth)" height="\(fullHeight)" \
            viewBox="0 0 \(fullWidth) \(fullHeight)" font-size="13">
            <title>\(Markup.escaped(title))</title>
            <style>
            \(Palette.pictureStyle)</style>
            <rect class="ground" width="100%" height="100%"/>
            \(frame.elements)<g transform="translate(20 \(top))">
            \(body)</g>
            \(below.elements)</svg>

            """
    }

    /// Pictures below each other as one.
    public static func stacked(_ pictures: [Picture], title: String) -> Picture {
        var drawing = Drawing()
        var y = 0
        for picture in pictures {
            drawing.group(attributes: "transform=\"translate(0 \(y))\"") { $0.append(picture.body) }
            y += picture.height + 20
        }
        return Picture(
            title: title, width: Double(pictures.map(\.width).max() ?? 0), height: Double(max(0, y - 20)), drawing)
    }
}
