import DMSCheckpoint
import Foundation
import Testing

@Suite struct RopeParametersTests {
    private func rope(_ changes: String) throws -> RopeParameters { try TestConfiguration.parse(changes).rope }

    @Test func followsTheDefinition() throws {
        let frequencies = try rope(#"{"rope_theta": 10000}"#).inverseFrequencies(headDimension: 64)
        #expect(frequencies.count == 32)
        for (pair, frequency) in frequencies.enumerated() {
            let exact = pow(10_000, -Double(2 * pair) / 64)
            #expect(abs(Double(frequency) - exact) <= 1e-6 * exact)
        }
    }

    @Test func linearScalingDividesByTheFactor() throws {
        let plain = try rope("{}").inverseFrequencies(headDimension: 8)
        let scaled = try rope(#"{"rope_scaling": {"type": "linear", "factor": 4}}"#)
            .inverseFrequencies(headDimension: 8)
        #expect(scaled == plain.map { $0 / 4 })
    }

    /// Below the lower wavelength nothing changes, above the upper all is divided, between it is monotone.
    @Test func llama3ScalingHasThreeBands() throws {
        let scaling = """
            {"rope_theta": 500000, "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
             "high_freq_factor": 4, "original_max_position_embeddings": 1024}}
            """
        let plain = try rope(#"{"rope_theta": 500000}"#).inverseFrequencies(headDimension: 128)
        let scaled = try rope(scaling).inverseFrequencies(headDimension: 128)
        var bands: Set<Int> = []
        for (plain, scaled) in zip(plain, scaled) {
            let wavelength = 2 * Double.pi / Double(plain)
            if wavelength < 1024 / 4 {
                bands.insert(0)
                #expect(scaled == plain)
            } else if wavelength > 1024 {
                bands.insert(2)
                #expect(scaled == plain / 8)
            } else {
                bands.insert(1)
                let smooth = (1024 / wavelength - 1) / 3
                let exact = (1 - smooth) * Double(plain) / 8 + smooth * Double(plain)
                #expect(abs(Double(scaled) - exact) <= 1e-6 * exact)
            }
        }
        #expect(bands == [0, 1, 2])
    }

    @Test(
        .enabled(if: SharedFixtures.arePresent),
        arguments: [
            (
                "wiki8m_llama3", 32,
                #""rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 1024"#
            ),
            (
                "llama32_1b", 64,
                #""rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192"#
            ),
            ("default_theta5e5_d32", 32, #""rope_type": "default", "rope_theta": 500000.0"#),
            ("default_theta1e4_d64", 64, #""rope_type": "default", "rope_theta": 10000.0"#),
        ])
    func agreesWithTransformers(_ name: String, _ headDimension: Int, _ parameters: String) throws {
        let fixtures = try SafetensorsFile(path: #require(SharedFixtures.root) + "/fixtures/rope.safetensors")
        let golden = try #require(fixtures[name + ".inv_freq"]).floats()
        let frequencies = try rope("{\"rope_parameters\": {\(parameters)}}").inverseFrequencies(
            headDimension: headDimension)
        #expect(frequencies.count == golden.count)
        for (frequency, golden) in zip(frequencies, golden) {
            #expect(abs(frequency - golden) <= 1e-6 * golden)
        }
    }
}
