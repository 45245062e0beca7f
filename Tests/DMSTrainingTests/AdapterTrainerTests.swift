import DMSCheckpoint
import DMSJSON
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Foundation
import Testing

@testable import DMSTraining

/// Runs that train adapters beside a base.
@Suite("Training adapters")
struct AdapterTrainerTests {
    @Test("Adapters begin by keeping everything, learn in norm and projection, and leave the base as it was")
    func adaptersOnly() throws {
        let tiny = try TinyRun()
        let trainer = try tiny.trainer(try tiny.adapterRecipe())
        let gates = try #require(trainer.gates)
        let before = bits(trainer.weights.arena)
        let start = bits(gates.arena)
        let first = try trainer.step()
        #expect(first.hardRate == 0 && first.softRate < 0.05)
        for _ in 0..<3 { _ = try trainer.step() }
        #expect(bits(trainer.weights.arena) == before)
        for (index, entry) in gates.arena.layout.entries.enumerated() {
            let now = (0..<entry.count).map { gates.arena.matrix(index).pointer[$0].bitPattern }
            #expect(Array(start[entry.offset..<entry.offset + entry.count]) != now, "\(entry.name) has not moved")
        }
        #expect(trainer.optimizer.groups.count == 1, "something beside the adapters learns")
    }

    @Test("Adapters learn beside a frozen base, and in no other way")
    func adaptersAndAll() throws {
        let tiny = try TinyRun()
        let error = #expect(throws: TrainingError.self) {
            try tiny.recipe(trainable: .all, dialect: .nvidiaAdapter)
        }
        #expect(error?.description.contains("required gate") == true)
    }

    @Test("Adapters: a run that stops and goes on ends with the same bits", arguments: [1, 4, 6])
    func resumeAdapters(stop: Int) throws {
        let tiny = try TinyRun()
        let folder = try TemporaryFolder()
        let whole = try tiny.run(try tiny.trainer(try tiny.adapterRecipe()), in: folder.path + "/a")
        try whole.folder.require(resuming: false)
        _ = try whole.run(resuming: false)
        let part = try tiny.run(try tiny.trainer(try tiny.adapterRecipe()), in: folder.path + "/b")
        try part.folder.require(resuming: false)
        let stopped = try part.run(resuming: false, shouldStop: { part.trainer.completedSteps == stop })
        #expect(stopped == .interrupted(step: stop))
        let rest = try tiny.run(try tiny.trainer(try tiny.adapterRecipe()), in: folder.path + "/b")
        try rest.folder.require(resuming: true)
        _ = try rest.run(resuming: true)
        for name in ["model.safetensors", "dms_metadata.json", "config.json"] {
            let left = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/a/" + name))
            let right = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/b/" + name))
            #expect(left == right, "\(name)")
        }
    }

    @Test("Adapters stand beside the base's tensors, which are those of its files byte by byte")
    func packageAdapters() throws {
        let tiny = try TinyRun()
        let folder = try TemporaryFolder()
        let run = try tiny.run(try tiny.trainer(try tiny.adapterRecipe()), in: folder.path + "/out")
        try run.folder.require(resuming: false)
        _ = try run.run(resuming: false)
        let gates = try #require(run.trainer.gates)
        let directory = try ModelDirectory.open(path: folder.path + "/out")
        try directory.validateWeights()
        let metadata = try #require(try directory.dmsMetadata())
        #expect(metadata.configuration.source == .adapter && metadata.configuration.decisionShift == 1)
        #expect(metadata.training?["decision_source"] == .string("adapter"))
        #expect(directory.configuration.raw["dms_separate_alpha"] == .bool(true))
        for name in tiny.directory.weights.names {
            let (before, after) = (tiny.directory.weights[name], directory.weights[name])
            #expect(after?.dtype == before?.dtype && after?.shape == before?.shape)
            #expect(after.map { Array($0.bytes) } == before.map { Array($0.bytes) }, "\(name)")
        }
        let added = Set(directory.weights.names).subtracting(tiny.directory.weights.names)
        #expect(added == Set(gates.arena.layout.entries.map(\.name)) && added.count == 4)
        for (index, entry) in gates.arena.layout.entries.enumerated() {
            let stored = try #require(directory.weights[entry.name]).bytes
            let trained = UnsafeRawBufferPointer(start: gates.arena.matrix(index).pointer, count: entry.count * 4)
            #expect(Array(stored) == Array(trained), "\(entry.name)")
        }
    }
}
