import DMSCheckpoint
import DMSPicture
import DMSTestSupport
import Foundation
import Testing

@testable import DMSTraining

@Suite("Pictures of a run")
struct TrainingCurvesTests {
    /// A run of a few steps in a folder; the folder lives as long as the value.
    static func run() throws -> (folder: TemporaryFolder, run: RunFolder) {
        let tiny = try TinyRun()
        let folder = try TemporaryFolder()
        let trainer = try tiny.trainer(try tiny.recipe())
        try RunFolder(folder.path).require(resuming: false)
        _ = try tiny.run(trainer, in: folder.path).run(resuming: false)
        return (folder, RunFolder(folder.path))
    }

    @Test("both logs of a run are read, and say the same where both say it")
    func logs() throws {
        let (folder, run) = try Self.run()
        #expect(TrainingCurves.log(inModelDirectory: folder.path) == run.steps)
        let full = try TrainingCurves(logFile: run.steps).charts()
        let published = try TrainingCurves(logFile: run.log).charts()
        #expect(full.map(\.title) == ["KL(teacher ‖ student), nats per token", "Eviction rate"])
        #expect(full[1].series.map(\.name) == ["target", "soft, in training", "hard, as served"])
        // The published log does not know what serving would evict.
        #expect(published[1].series.map(\.name) == ["target", "soft, in training"])
        for (a, b) in zip(full[1].series, published[1].series) { #expect(a.points == b.points) }
        let records = try String(contentsOfFile: run.steps, encoding: .utf8).split(separator: "\n").count
        #expect(full[0].series[0].points.count == records)
        let reader = try #require(XMLReader.read(try String(contentsOfFile: run.curves, encoding: .utf8)))
        for text in ["Eviction rate", "hard, as served", "optimizer steps, 1 to \(records)"] {
            #expect(reader.text.contains(text))
        }
        try FileManager.default.removeItem(atPath: run.steps)
        #expect(TrainingCurves.log(inModelDirectory: folder.path) == run.log)
        try FileManager.default.removeItem(atPath: run.log)
        #expect(TrainingCurves.log(inModelDirectory: folder.path) == nil)
    }

    @Test(
        "what is no log is refused by its name",
        arguments: [
            "", "{}", "[1]", "{\"log\": []}", "{\"log\": [{\"phase\": 7, \"loss\": 1}]}", "{\"log\": [{\"phase\": 1}]}",
            "{\"step\": 1}\n", "nothing",
        ])
    func refused(text: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(text, to: "log.json")
        let error = #expect(throws: TrainingError.self) {
            try TrainingCurves(logFile: folder.file("log.json"))
        }
        #expect(error?.description.hasPrefix(folder.file("log.json")) == true)
    }
}
