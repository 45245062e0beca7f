import DMSPolicy

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Seeded normal numbers: mean 0, standard deviation 1 (Box and Muller 1958).
struct NormalDraws {
    private let draw: HashedDraw
    private var count = 0
    private var spare: Double?

    init(seed: UInt64, stream: Int) { draw = HashedDraw(seed: seed).at(stream) }

    mutating func next() -> Double {
        if let spare {
            self.spare = nil
            return spare
        }
        let radius = (-2 * log(draw.at(count).openUniform)).squareRoot()
        let angle = 2 * Double.pi * draw.at(count + 1).openUniform
        count += 2
        spare = radius * sin(angle)
        return radius * cos(angle)
    }
}
