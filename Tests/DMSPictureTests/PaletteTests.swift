import Foundation
import Testing

@testable import DMSPicture

@Suite("Colours")
struct PaletteTests {
    typealias Colour = Palette.Colour

    /// Linear light as the screen gives it off.
    static func linear(_ colour: Colour) -> [Double] {
        [colour.red, colour.green, colour.blue].map {
            let value = Double($0) / 255
            return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
        }
    }

    /// What people without one kind of cone see of a colour, in linear light (Viénot, Brettel and Mollon, 1999).
    static func seen(_ colour: Colour, withoutRed: Bool) -> [Double] {
        let light = linear(colour)
        let toCones = [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
        var cones = toCones.map { row in zip(row, light).reduce(0) { $0 + $1.0 * $1.1 } }
        if withoutRed {
            cones[0] = 2.02344 * cones[1] - 2.52581 * cones[2]
        } else {
            cones[1] = 0.494207 * cones[0] + 1.24827 * cones[2]
        }
        let back = [
            [0.0809444479, -0.130504409, 0.116721066], [-0.0102485335, 0.0540193266, -0.113614708],
            [-0.000365296938, -0.00412161469, 0.693511405],
        ]
        return back.map { row in min(1, max(0, zip(row, cones).reduce(0) { $0 + $1.0 * $1.1 })) }
    }

    /// How far apart two colours of linear light look: CIE L*a*b*, 1976.
    static func distance(_ a: [Double], _ b: [Double]) -> Double {
        func lab(_ light: [Double]) -> [Double] {
            let rows = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
            let white = [0.9505, 1.0, 1.089]
            let f = rows.indices.map { index -> Double in
                let t = zip(rows[index], light).reduce(0) { $0 + $1.0 * $1.1 } / white[index]
                return t > 0.008856 ? cbrt(t) : 7.787 * t + 16 / 116
            }
            return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]
        }
        return zip(lab(a), lab(b)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    }

    static let themes = [Palette.light, Palette.dark]

    @Test("curves are told apart with every kind of colour vision, and from their ground")
    func series() {
        for theme in Self.themes {
            #expect(theme.series.count == Palette.seriesCount)
            for (index, colour) in theme.series.enumerated() {
                #expect(colour.contrast(to: theme.ground) >= 3, "\(colour.text)")
                for other in theme.series[(index + 1)...] {
                    #expect(Self.distance(Self.linear(colour), Self.linear(other)) > 20)
                    for withoutRed in [true, false] {
                        let seen = [colour, other].map { Self.seen($0, withoutRed: withoutRed) }
                        #expect(Self.distance(seen[0], seen[1]) > 14, "\(colour.text) and \(other.text)")
                    }
                }
            }
        }
    }

    @Test("more is further from the ground, and what is written on a shade can be read")
    func shades() {
        for theme in Self.themes {
            let shades = (0..<Palette.levels).map { theme.shade(Double($0) / Double(Palette.levels - 1)) }
            let contrasts = shades.map { $0.contrast(to: theme.ground) }
            for (less, more) in zip(contrasts, contrasts.dropFirst()) { #expect(more > less * 1.03) }
            for shade in shades { #expect(theme.ink(on: shade).contrast(to: shade) >= 4.5) }
            #expect(theme.shade(-1) == theme.shade(0))
            #expect(theme.shade(.nan) == theme.shade(0))
            #expect(theme.shade(7) == theme.shade(1))
            // Kept, leaving and gone lie beside each other.
            for shade in [shades[0], shades[Palette.levels - 1]] {
                for withoutRed in [true, false] {
                    let seen = [shade, theme.leaving].map { Self.seen($0, withoutRed: withoutRed) }
                    #expect(Self.distance(seen[0], seen[1]) > 20)
                }
            }
            #expect(theme.ink.contrast(to: theme.ground) >= 7)
            #expect(theme.mute.contrast(to: theme.ground) >= 4.5)
        }
    }

    @Test("nothing and all have shades that nothing else has")
    func levels() {
        #expect(Palette.level(0) == 0)
        #expect(Palette.level(1e-9) == 1)
        #expect(Palette.level(0.999) == Palette.levels - 2)
        #expect(Palette.level(1) == Palette.levels - 1)
        #expect(Palette.level(-.infinity) == 0)
        #expect(Palette.level(.nan) == 0)
    }

    @Test("every class has a colour on light and on dark pages")
    func rules() {
        for style in ["k0", "k15", "i7", "s4", "f4", "leaving", "ground", "ink", "mute", "axis", "grid", "mark"] {
            #expect(Palette.pictureStyle.components(separatedBy: ".\(style){").count == (style == "mark" ? 4 : 3))
        }
        #expect(Palette.textStyle.components(separatedBy: ".t15{").count == 3)
    }
}
