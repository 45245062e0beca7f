import DMSCheckpoint
import DMSEngine
import Testing

@Suite("What a checkpoint recommends")
struct RecommendationTests {
    private static func sampling(_ file: String) throws -> SamplingParameters {
        let folder = try TemporaryFolder()
        try Models.makeRandom(in: folder.path)
        let configuration = try ModelDirectory.open(path: folder.path).configuration
        return try SamplingParameters(
            recommendedBy: GenerationConfiguration(parsing: Array(file.utf8), for: configuration), seed: 5)
    }

    @Test("counts where it says to sample, and a repetition penalty always")
    func recommendation() throws {
        let values = #""temperature": 0.6, "top_k": 0, "top_p": 0.9, "repetition_penalty": 1.1"#
        #expect(
            try Self.sampling(#"{"do_sample": true, \#(values)}"#)
                == SamplingParameters(temperature: 0.6, topP: 0.9, repetitionPenalty: 1.1, seed: 5))
        #expect(
            try Self.sampling("{\(values)}") == SamplingParameters(repetitionPenalty: 1.1, seed: 5))
        #expect(try Self.sampling(#"{"do_sample": true}"#) == SamplingParameters(temperature: 1, seed: 5))
    }
}
