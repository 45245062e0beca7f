#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The colours of all pictures, for light and for dark pages, as classes of a style sheet.
///
/// Amounts are one hue whose lightness alone carries the value: away from the ground is more, so they read in any colour
/// vision and in print. Curves have the hues of Okabe and Ito, and differ by mark and dash besides.
public enum Palette {
    /// A colour, 0 … 255 a part.
    struct Colour: Hashable {
        let red: Int
        let green: Int
        let blue: Int

        init(_ hex: Int) { (red, green, blue) = (hex >> 16 & 255, hex >> 8 & 255, hex & 255) }

        init(red: Int, green: Int, blue: Int) { (self.red, self.green, self.blue) = (red, green, blue) }

        var text: String {
            let digits = String(red << 16 | green << 8 | blue, radix: 16)
            return "#" + String(repeating: "0", count: 6 - digits.count) + digits
        }

        /// Relative luminance as the Web Content Accessibility Guidelines define it, 0 … 1.
        var luminance: Double {
            func linear(_ part: Int) -> Double {
                let value = Double(part) / 255
                return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
            }
            return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
        }

        /// Their contrast ratio, 1 … 21.
        func contrast(to other: Colour) -> Double {
            let (a, b) = (luminance, other.luminance)
            return (max(a, b) + 0.05) / (min(a, b) + 0.05)
        }
    }

    /// What one kind of page uses.
    struct Theme {
        let ground: Colour
        let ink: Colour
        let mute: Colour
        let axis: Colour
        let grid: Colour
        /// What is evicted and still inside the window.
        let leaving: Colour
        /// What is pointed out.
        let mark: Colour
        let series: [Colour]
        /// Between which the shades lie, from nothing to all.
        fileprivate let stops: [Colour]

        /// From nothing (0) to all (1).
        func shade(_ amount: Double) -> Colour {
            let t = amount.isFinite ? min(1, max(0, amount)) : 0
            let place = t * Double(stops.count - 1)
            let index = min(stops.count - 2, Int(place))
            let share = place - Double(index)
            func mix(_ a: Int, _ b: Int) -> Int { Int((Double(a) + Double(b - a) * share).rounded()) }
            let (a, b) = (stops[index], stops[index + 1])
            return Colour(red: mix(a.red, b.red), green: mix(a.green, b.green), blue: mix(a.blue, b.blue))
        }

        /// White or black, whichever is read better on a shade.
        func ink(on shade: Colour) -> Colour {
            let (white, black) = (Colour(0xFFFFFF), Colour(0x000000))
            return white.contrast(to: shade) > black.contrast(to: shade) ? white : black
        }
    }

    static let light = Theme(
        ground: Colour(0xFFFFFF), ink: Colour(0x1B1B1B), mute: Colour(0x595959), axis: Colour(0x8A8A8A),
        grid: Colour(0xE2E2E2), leaving: Colour(0xD55E00), mark: Colour(0xC2185B),
        series: [0x0072B2, 0xD55E00, 0x009E73, 0xB85A93, 0x4A4A4A].map { Colour($0) },
        stops: [0xF0F4FA, 0x8CB2D6, 0x3468A4, 0x0C285C].map { Colour($0) })

    static let dark = Theme(
        ground: Colour(0x16181C), ink: Colour(0xE8E8E8), mute: Colour(0xA8A9AE), axis: Colour(0x85868C),
        grid: Colour(0x31343A), leaving: Colour(0xE69F00), mark: Colour(0xFF8FB8),
        series: [0x56B4E9, 0xE69F00, 0x2BC49A, 0xD98BB8, 0xD0D0D0].map { Colour($0) },
        stops: [0x262A33, 0x2F5E93, 0x66A9E0, 0xDCEEFF].map { Colour($0) })

    /// How many shades there are.
    public static let levels = 16

    /// The shade of an amount, 0 … `levels - 1`; nothing and all have shades of their own.
    public static func level(_ amount: Double) -> Int {
        guard amount.isFinite, amount > 0 else { return 0 }
        if amount >= 1 { return levels - 1 }
        return min(levels - 2, max(1, Int((amount * Double(levels - 1)).rounded())))
    }

    /// How many curves have a colour of their own.
    public static let seriesCount = 5

    /// The classes of pictures: `ground`, `ink`, `mute` and `kN`, `leaving`, `fN` (of a curve) fill; `axis`, `grid`, `mark`
    /// and `sN` draw lines; `iN` is what is written on `kN`.
    public static let pictureStyle =
        common + rules(light, svg) + "@media(prefers-color-scheme:dark){\n" + rules(dark, svg) + "}\n"

    /// The same shades for the background of text: `.tN`.
    public static let textStyle =
        rules(light, text) + "@media(prefers-color-scheme:dark){\n" + rules(dark, text) + "}\n"

    private static let common = """
        svg text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
        svg text.mono{font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
        .c{fill:none;stroke-width:1.8;stroke-linejoin:round}.d{stroke-dasharray:5 4}.mark{fill:none;stroke-width:2}

        """

    private static func rules(_ theme: Theme, _ body: (Theme) -> [String]) -> String {
        body(theme).joined(separator: "\n") + "\n"
    }

    private static func svg(_ theme: Theme) -> [String] {
        var lines = [
            ".ground{fill:\(theme.ground.text)}.ink{fill:\(theme.ink.text)}.mute{fill:\(theme.mute.text)}",
            ".axis{stroke:\(theme.axis.text)}.grid{stroke:\(theme.grid.text)}.mark{stroke:\(theme.mark.text)}",
            ".leaving{fill:\(theme.leaving.text)}",
        ]
        for (index, colour) in theme.series.enumerated() {
            lines.append(".s\(index){stroke:\(colour.text)}.f\(index){fill:\(colour.text)}")
        }
        for level in 0..<levels {
            let shade = theme.shade(Double(level) / Double(levels - 1))
            lines.append(".k\(level){fill:\(shade.text)}.i\(level){fill:\(theme.ink(on: shade).text)}")
        }
        return lines
    }

    private static func text(_ theme: Theme) -> [String] {
        (0..<levels).map { level in
            let shade = theme.shade(Double(level) / Double(levels - 1))
            return ".t\(level){background:\(shade.text);color:\(theme.ink(on: shade).text)}"
        }
    }
}
