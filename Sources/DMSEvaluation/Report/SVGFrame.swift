/// What all pictures have: a white ground, a title above, a caption below; as SVG.
struct SVGFrame {
    let title: String
    let width: Int
    let height: Int
    /// Lines that stand under the picture.
    let caption: String
    /// Where the first of them stands.
    let captionTop: Int

    /// The text of an SVG file.
    func around(_ body: String) -> String {
        var out = """
            <?xml version="1.0" encoding="UTF-8"?>
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
            viewBox="0 0 \(width) \(height)" font-family="Helvetica, Arial, sans-serif" font-size="13">
            <title>\(Self.escaped(title))</title>
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="20" y="34" font-size="18" font-weight="bold">\(Self.escaped(title))</text>

            """
        out += body
        for (index, line) in caption.split(separator: "\n").enumerated() {
            let y = captionTop + 18 * index
            out += "<text x=\"20\" y=\"\(y)\" fill=\"#444444\">\(Self.escaped(String(line)))</text>\n"
        }
        return out + "</svg>\n"
    }

    /// From near white to a deep blue, by lightness.
    static func colour(_ shade: Double) -> String {
        let t = shade.isFinite ? min(1, max(0, shade)) : 0
        let stops: [(Double, Double, Double)] = [(240, 244, 250), (140, 178, 214), (52, 104, 164), (12, 40, 92)]
        let place = t * Double(stops.count - 1)
        let index = min(stops.count - 2, Int(place))
        let share = place - Double(index)
        func mix(_ a: Double, _ b: Double) -> String {
            let value = Int((a + (b - a) * share).rounded())
            return (value < 16 ? "0" : "") + String(value, radix: 16)
        }
        let (a, b) = (stops[index], stops[index + 1])
        return "#" + mix(a.0, b.0) + mix(a.1, b.1) + mix(a.2, b.2)
    }

    /// Text for XML; characters that XML 1.0 does not allow are left out.
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case _ where scalar.value < 0x20 && scalar != "\n" && scalar != "\t": continue
            case _ where scalar.value == 0xFFFE || scalar.value == 0xFFFF: continue
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
