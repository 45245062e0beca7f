import DMSPolicy
import Testing

@Suite("Configuration and profiles")
struct DMSConfigurationTests {
    private func configuration(
        source: DecisionSource = .borrowedQueryChannel, shift: Int = 0, zeroing: ChannelZeroing = .beforeRope,
        window: Int = 256, inclusive: Bool = true, scale: Float = 100, offset: Float = 5
    ) throws(PolicyError) -> DMSConfiguration {
        try DMSConfiguration(
            source: source, channel: .last, decisionShift: shift, zeroing: zeroing, windowSize: window,
            windowInclusive: inclusive, alphaScale: scale, alphaOffset: offset)
    }

    @Test("An exclusive window is one shorter")
    func exclusiveWindow() throws {
        #expect(try configuration(window: 64).rule.window == 64)
        #expect(try configuration(window: 64, inclusive: false).rule.window == 63)
        #expect(try configuration(window: 1, inclusive: false).rule.window == 0)
        #expect(try configuration(window: 0).rule.window == 0)
    }

    @Test("Every field is validated and named")
    func refusals() {
        let cases: [(String, () throws -> Void)] = [
            ("window_size", { _ = try configuration(window: 0, inclusive: false) }),
            ("window_size", { _ = try configuration(window: -1) }),
            ("window_size", { _ = try configuration(window: 1 << 31, inclusive: false) }),
            ("decision_shift", { _ = try configuration(shift: 2) }),
            ("alpha_scale", { _ = try configuration(scale: 0) }),
            ("alpha_offset", { _ = try configuration(offset: .nan) }),
            ("zero_channel", { _ = try configuration(source: .adapter, zeroing: .beforeRope) }),
        ]
        for (field, build) in cases {
            let error = #expect(throws: PolicyError.self) { try build() }
            #expect(error?.field == field)
        }
        #expect(throws: Never.self) { _ = try configuration(source: .adapter, zeroing: .none) }
    }

    @Test("The profiles are the table of the specification")
    func profiles() throws {
        let fastdms = try SemanticsProfile(named: "fastdms")
        #expect(fastdms == .fastdms)
        #expect(fastdms.source == .borrowedQueryChannel)
        #expect(fastdms.channel == .last)
        #expect(fastdms.decisionShift == 0)
        #expect(fastdms.zeroing == .beforeRope)
        #expect(fastdms.windowInclusive)
        let nvidia = try SemanticsProfile(named: "nvidia")
        #expect(nvidia.decisionShift == 1)
        #expect(nvidia.zeroing == .beforeAndAfterRope)
        #expect(nvidia.windowInclusive)
        let configuration = try DMSConfiguration(profile: nvidia, windowSize: 512, alphaScale: 100, alphaOffset: 5)
        #expect(configuration.assembly.shift == 1)
        #expect(configuration.rule.window == 512)
        #expect(configuration.decision.alphaOffset == 5)
    }

    @Test("Unknown names are refused with the known ones listed")
    func unknownNames() {
        let profile = #expect(throws: PolicyError.self) { try SemanticsProfile(named: "FastDMS") }
        #expect(profile?.description == "profile is \"FastDMS\", but must be \"fastdms\" or \"nvidia\"")
        let zeroing = #expect(throws: PolicyError.self) { try ChannelZeroing(named: "after_rope") }
        #expect(
            zeroing?.description
                == "zero_channel is \"after_rope\", but must be \"none\", \"before_rope\" or \"before_and_after_rope\"")
        let source = #expect(throws: PolicyError.self) { try DecisionSource(named: "key_channel") }
        #expect(source?.field == "decision_source")
        #expect(ChannelZeroing(metadata: "after_rope") == nil)
    }

    @Test("Zeroing by name")
    func zeroing() {
        for known in ChannelZeroing.all { #expect(ChannelZeroing(metadata: known.name) == known) }
        #expect(!ChannelZeroing.none.zeroesBeforeRope && !ChannelZeroing.none.zeroesAfterRope)
        #expect(ChannelZeroing.beforeRope.zeroesBeforeRope && !ChannelZeroing.beforeRope.zeroesAfterRope)
        #expect(ChannelZeroing.beforeAndAfterRope.zeroesBeforeRope && ChannelZeroing.beforeAndAfterRope.zeroesAfterRope)
    }

    @Test("Channels resolve against the head")
    func channels() throws {
        #expect(try BorrowedChannel.last.resolved(headDimension: 32) == 31)
        #expect(try BorrowedChannel(index: 0).resolved(headDimension: 32) == 0)
        #expect(try BorrowedChannel(index: 31).resolved(headDimension: 32) == 31)
        #expect(throws: PolicyError.self) { try BorrowedChannel(index: 32).resolved(headDimension: 32) }
        #expect(throws: PolicyError.self) { try BorrowedChannel(index: -1) }
        #expect(throws: PolicyError.self) { try BorrowedChannel.last.resolved(headDimension: 0) }
        #expect(BorrowedChannel.last.description == "last")
        #expect(try BorrowedChannel(index: 7).description == "7")
    }
}
