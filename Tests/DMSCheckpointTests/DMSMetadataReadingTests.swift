import DMSJSON
import DMSPolicy
import Testing

@testable import DMSCheckpoint

/// Resolves two JSON texts as the files of a model directory.
func resolveDMS(
    _ metadata: String?, config: String = "{}", overrides: DMSOverrides = DMSOverrides()
) throws -> DMSMetadata? {
    func object(_ text: String) throws -> JSONObject { try #require(try JSONReader.parse(text).objectValue) }
    return try DMSMetadata.resolve(
        metadata: metadata.map(object), metadataFile: "m/dms_metadata.json", config: object(config),
        configFile: "m/config.json", overrides: overrides)
}

let publishedSix = """
    {"window_size": 256, "alpha_scale": 100.0, "alpha_offset": 5.0, "target_cr": 8, "context_len": 4096,
     "compression_mode": "relu"}
    """

@Suite("DMS metadata: reading")
struct DMSMetadataReadingTests {
    @Test("The published six fields mean the profile fastdms")
    func published() throws {
        let metadata = try #require(try resolveDMS(publishedSix))
        #expect(
            metadata.configuration
                == (try DMSConfiguration(profile: .fastdms, windowSize: 256, alphaScale: 100, alphaOffset: 5)))
        #expect(metadata.profile == .fastdms)
        #expect(metadata.targetRatio == 8)
        #expect(metadata.contextLength == 4096)
        #expect(metadata.compressionMode == "relu")
        #expect(metadata.weightsSHA256 == nil)
        #expect(metadata.origins[.profile] == .convention)
        #expect(metadata.origins[.zeroChannel] == .profile("fastdms"))
        #expect(metadata.origins[.windowSize] == .file("m/dms_metadata.json", key: "window_size"))
    }

    @Test("Nested under config, and with informational fields absent or null")
    func nestedAndSparse() throws {
        let whole = try #require(try resolveDMS(publishedSix))
        let nested = try #require(try resolveDMS("{\"config\": \(publishedSix)}"))
        #expect(nested.configuration == whole.configuration)
        #expect(nested.origins[.alphaScale] == .file("m/dms_metadata.json", key: "config.alpha_scale"))
        let sparse = try #require(
            try resolveDMS(
                #"{"window_size": 256, "alpha_scale": 100, "alpha_offset": 5, "target_cr": null, "context_len": null}"#)
        )
        #expect(sparse.configuration == whole.configuration)
        #expect(sparse.targetRatio == nil)
        #expect(sparse.contextLength == nil)
    }

    @Test(
        "config.json alone, with either name for the offset",
        arguments: ["dms_alpha_offset", "dms_initial_alpha_offset"])
    func configOnly(offsetKey: String) throws {
        let config =
            #"{"dms_window_size": 64, "dms_alpha_scale": 50.5, "\#(offsetKey)": 2, "dms_cr": 4, "hidden_size": 8}"#
        let metadata = try #require(try resolveDMS(nil, config: config))
        #expect(metadata.configuration.windowSize == 64)
        #expect(metadata.configuration.alphaScale == 50.5)
        #expect(metadata.configuration.alphaOffset == 2)
        #expect(metadata.targetRatio == 4)
        #expect(metadata.profile == .fastdms)
        #expect(metadata.origins[.alphaOffset] == .file("m/config.json", key: offsetKey))
    }

    @Test("No DMS key anywhere is a plain model, an empty metadata file is not")
    func plain() throws {
        #expect(try resolveDMS(nil, config: #"{"hidden_size": 8}"#) == nil)
        #expect(throws: CheckpointError.self) { try resolveDMS("{}") }
    }

    @Test("Both files may state the same, and one may complete the other")
    func twoFiles() throws {
        let config = #"{"dms_window_size": 256, "dms_alpha_scale": 100, "dms_cr": 8.0, "dms_zero_channel": "none"}"#
        let metadata = try #require(try resolveDMS(publishedSix, config: config))
        #expect(metadata.configuration.zeroing == .none)
        #expect(metadata.origins[.zeroChannel] == .file("m/config.json", key: "dms_zero_channel"))
    }

    @Test("Every semantic field stands beside the six and overrides the profile")
    func semanticFields() throws {
        let metadata = try #require(
            try resolveDMS(
                """
                {"window_size": 16, "alpha_scale": 3, "alpha_offset": 0.5, "format_version": "1.7", "profile": "nvidia",
                 "decision_source": "borrowed_query_channel", "channel": 7, "decision_shift": 0, "zero_channel": "none",
                 "window_inclusive": false, "base_model": "tiny", "training": {"seed": 1}, "measured": {}}
                """))
        let expected = try DMSConfiguration(
            source: .borrowedQueryChannel, channel: BorrowedChannel(index: 7), decisionShift: 0, zeroing: .none,
            windowSize: 16, windowInclusive: false, alphaScale: 3, alphaOffset: 0.5)
        #expect(metadata.configuration == expected)
        #expect(metadata.configuration.rule.window == 15)
        #expect(metadata.profile == .nvidia)
        #expect(metadata.baseModel == "tiny")
        #expect(metadata.training?["seed"] == .integer(1))
        #expect(metadata.measured?.isEmpty == true)
    }

    /// What `Qwen3ConfigDMS` of NVIDIA's trainer writes, with its defaults.
    private func nvidiaConfig(
        separateAlpha: Bool = false, alphaPer: String = "head", disableEviction: Bool = false
    ) -> String {
        """
        {"dms_alpha_per": "\(alphaPer)", "dms_alpha_scale": 100.0, "dms_chunked_prefill": null, "dms_cr": 8,
         "dms_disable_eviction": \(disableEviction), "dms_initial_alpha_offset": 5.0,
         "dms_manual_inference_mode": false, "dms_paged_attention_block_size": 256, "dms_preallocate_for_tokens": 4096,
         "dms_separate_alpha": \(separateAlpha), "dms_tau": 0.1, "dms_window_size": 512}
        """
    }

    @Test("NVIDIA's keys mean its profile")
    func nvidia() throws {
        let borrowed = try #require(try resolveDMS(nil, config: nvidiaConfig()))
        #expect(
            borrowed.configuration
                == (try DMSConfiguration(profile: .nvidia, windowSize: 512, alphaScale: 100, alphaOffset: 5)))
        #expect(borrowed.profile == .nvidia)
        #expect(borrowed.origins[.profile] == .file("m/config.json", key: "dms_alpha_per"))
        #expect(borrowed.origins[.decisionSource] == .file("m/config.json", key: "dms_separate_alpha"))
        let adapter = try #require(try resolveDMS(nil, config: nvidiaConfig(separateAlpha: true)))
        #expect(adapter.configuration.source == .adapter)
        #expect(adapter.configuration.zeroing == .none)
        #expect(adapter.configuration.decisionShift == 1)
        let mapped = try #require(
            try resolveDMS(
                nil,
                config: """
                    {"dms_window_size": 512, "dms_alpha_scale": 100, "dms_initial_alpha_offset": 5,
                     "auto_map": {"AutoConfig": "configuration_qwen3_dms.Qwen3ConfigDMS"}}
                    """))
        #expect(mapped.profile == .nvidia)
    }

    @Test("What NVIDIA's keys may ask for and is not supported")
    func nvidiaRefusals() throws {
        let layer = #expect(throws: CheckpointError.self) {
            try resolveDMS(nil, config: nvidiaConfig(alphaPer: "layer"))
        }
        #expect(layer?.subject == .key("dms_alpha_per"))
        let disabled = #expect(throws: CheckpointError.self) {
            try resolveDMS(nil, config: nvidiaConfig(disableEviction: true))
        }
        #expect(disabled?.subject == .key("dms_disable_eviction"))
        let zeroed = #expect(throws: CheckpointError.self) {
            try resolveDMS(#"{"zero_channel": "before_rope"}"#, config: nvidiaConfig(separateAlpha: true))
        }
        #expect(zeroed?.file == "m/dms_metadata.json")
        #expect(zeroed?.subject == .key("zero_channel"))
    }

    @Test("Overrides win field by field, and a profile given there replaces the files' semantics")
    func overrides() throws {
        let stated = """
            {"window_size": 16, "alpha_scale": 3, "alpha_offset": 0.5, "decision_shift": 1, "zero_channel": "none",
             "decision_source": "borrowed_query_channel"}
            """
        let windowed = try #require(
            try resolveDMS(stated, overrides: DMSOverrides(zeroing: .beforeAndAfterRope, windowSize: 4)))
        #expect(windowed.configuration.rule.window == 4)
        #expect(windowed.configuration.zeroing == .beforeAndAfterRope)
        #expect(windowed.configuration.decisionShift == 1)
        #expect(windowed.origins[.windowSize] == .override)
        let profiled = try #require(try resolveDMS(stated, overrides: DMSOverrides(profile: .fastdms)))
        #expect(profiled.configuration.decisionShift == 0)
        #expect(profiled.configuration.zeroing == .beforeRope)
        #expect(profiled.origins[.profile] == .override)
        #expect(profiled.origins[.decisionShift] == .profile("fastdms"))
        let both = try #require(try resolveDMS(stated, overrides: DMSOverrides(profile: .fastdms, decisionShift: 1)))
        #expect(both.configuration.decisionShift == 1)
    }

    @Test("Overrides alone make a checkpoint without metadata readable, if they state every number")
    func overridesAlone() throws {
        let complete = DMSOverrides(profile: .nvidia, windowSize: 8, alphaScale: 100, alphaOffset: 5)
        #expect(try resolveDMS(nil, overrides: complete)?.configuration.decisionShift == 1)
        let error = #expect(throws: CheckpointError.self) {
            try resolveDMS(nil, overrides: DMSOverrides(zeroing: ChannelZeroing.none))
        }
        #expect(error?.file == "m/config.json")
        #expect(error?.subject == .key("dms_window_size"))
        let windowless = #expect(throws: CheckpointError.self) {
            try resolveDMS(publishedSix, overrides: DMSOverrides(windowSize: 0, windowInclusive: false))
        }
        #expect(windowless?.subject == .key("window_size"))
    }
}
