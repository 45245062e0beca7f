import DMSTestSupport
import Foundation
import Testing

@testable import DMSTensor

@Suite("Available processors")
struct AvailableProcessorsTests {
    @Test(
        "a quota is rounded up to whole processors",
        arguments: [
            ("max 100000\n", nil), ("100000 100000\n", 1), ("150000 100000", 2), ("50000 100000", 1),
            ("400000 100000", 4), ("400001 100000", 5), ("", nil), ("100000", nil), ("0 100000", nil), ("5 0", nil),
            ("-1 100000", nil), ("many 100000", nil), ("9223372036854775807 1", Int.max),
        ] as [(String, Int?)])
    func limit(text: String, processors: Int?) {
        #expect(AvailableProcessors.limit(parsing: text) == processors)
    }

    @Test("the tightest group on the way to the root counts")
    func groups() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: folder.file("outer/inner"), withIntermediateDirectories: true)
        try folder.write("12:cpu:/elsewhere\n0::/outer/inner\n", to: "groups")
        func quota() -> Int? {
            AvailableProcessors.quota(processGroups: folder.file("groups"), root: folder.path)
        }
        #expect(quota() == nil)
        try folder.write("300000 100000\n", to: "outer/cpu.max")
        #expect(quota() == 3)
        try folder.write("max 100000\n", to: "outer/inner/cpu.max")
        #expect(quota() == 3)
        try folder.write("200000 100000\n", to: "outer/inner/cpu.max")
        #expect(quota() == 2)
        // Seen from inside a container: its own group is the root, the path one outside.
        try folder.write("100000 100000\n", to: "cpu.max")
        try folder.write("0::/not/here\n", to: "groups")
        #expect(quota() == 1)
        try folder.write("3:cpu:/old\n", to: "groups")
        #expect(quota() == nil)
        #expect(AvailableProcessors.quota(processGroups: folder.file("none"), root: folder.path) == nil)
    }

    @Test("there is at least one, and not more than are online")
    func count() {
        #expect((1...ProcessInfo.processInfo.processorCount).contains(CPUKernels.processorCount))
    }
}
