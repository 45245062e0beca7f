import DMSPicture
import DMSTestSupport
import Testing

@testable import DMSEvaluation

@Suite struct NeedlePictureTests {
    @Test func aNeedlePictureShowsEverySubjectTwice() throws {
        let model = try tinyGatedModel(window: 20, vocabulary: 256)
        let runner = try ModelRunner(model, passLength: 100)
        let evaluation = try NeedleEvaluation(
            source: NeedleGenerator(task: .needle, seed: 8), lengths: [230, 250], depths: [0, 0.5, 1], samples: 1)
        let results = try evaluation.run(
            ["dms", "no_evict"].map { Subject(name: $0, runner: runner, path: StrictPath(model)) },
            encode: NeedleTests.encode)
        let reader = try #require(XMLReader.read(HeatMap(evaluation, results, model: "m & co").svg()))
        #expect(reader.elements("rect").count == 1 + 2 * 2 * 6)
        for text in ["needle: m & co", "dms: found", "no_evict: found", "depth", "length (tokens)", "50 %", "230"] {
            #expect(reader.text.contains(text))
        }
    }
}
