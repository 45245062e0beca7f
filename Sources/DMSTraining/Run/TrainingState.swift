import DMSCheckpoint
public import DMSJSON
import DMSTensor

/// A run between two steps, in a file: all that is needed to go on with the same bits.
///
/// One safetensors file, replaced as a whole: weights and gates in FP32, the optimizer's moments, and as metadata the
/// step, the recipe, and what corpus and model the run began with.
public enum TrainingState {
    static let format = "1"

    /// What a run must have in common with the one that was saved.
    public struct Identity: Sendable, Equatable {
        /// What the run computes.
        public let recipe: JSONObject
        /// A digest of the corpus' tokens.
        public let corpus: String
        /// A digest of the model that the run began with.
        public let model: String
        /// Micro-steps per step over all processes.
        public let microSteps: Int

        /// What a saved run has to be equal in.
        public init(recipe: JSONObject, corpus: String, model: String, microSteps: Int) {
            self.recipe = recipe
            self.corpus = corpus
            self.model = model
            self.microSteps = microSteps
        }
    }

    /// - Throws: `CheckpointError` when it cannot be written; the file that was there is then unchanged.
    public static func save(_ trainer: Trainer, identity: Identity, to path: String) throws {
        let arenas = arenas(of: trainer)
        let metadata = JSONObject([
            "format": .string("dms-training-state"), "format_version": .string(format),
            "step": .string("\(trainer.completedSteps)"), "recipe": .string(JSONValue.object(identity.recipe).text()),
            "corpus": .string(identity.corpus), "model": .string(identity.model),
            "micro_steps": .string("\(identity.microSteps)"),
        ])
        let declarations = arenas.map {
            TensorDeclaration(name: $0.name, dtype: .float32, shape: [$0.arena.count])
        }
        try SafetensorsWriter.write(to: path, tensors: declarations, metadata: metadata) {
            (declaration, output) throws(CheckpointError) in
            guard let arena = arenas.first(where: { $0.name == declaration.name })?.arena else { return }
            try output.append(UnsafeRawBufferPointer(start: arena.pointer, count: arena.count * 4))
        }
    }

    /// Brings a trainer to where a saved run was.
    ///
    /// - Throws: ``TrainingError`` when the run was another one, `CheckpointError` for a file that is not such a state.
    public static func load(_ path: String, into trainer: Trainer, identity: Identity) throws {
        let file = try SafetensorsFile(path: path)
        func text(_ key: String) throws -> String {
            guard let value = file.metadata?[key]?.stringValue else {
                throw CheckpointError(
                    file: path, .key(key), found: "nothing", required: "the metadata of a saved training run")
            }
            return value
        }
        let version = try text("format_version")
        guard try text("format") == "dms-training-state", version == format else {
            throw CheckpointError(
                file: path, .key("format_version"), found: "\"\(version)\"",
                required: "\"\(format)\", a training state of this version")
        }
        try require(identity, path: path, text)
        let stepText = try text("step")
        guard let step = Int(stepText), (0...trainer.recipe.schedule.totalSteps).contains(step) else {
            throw CheckpointError(
                file: path, .key("step"), found: "\"\(stepText)\"",
                required: "a number from 0 to \(trainer.recipe.schedule.totalSteps)")
        }
        let arenas = arenas(of: trainer)
        for (name, arena) in arenas {
            guard let tensor = file[name], tensor.dtype == .float32, tensor.shape == [arena.count],
                let base = tensor.bytes.baseAddress
            else {
                throw CheckpointError(
                    file: path, .tensor(name), found: file[name].map { "shape \($0.shape)" } ?? "no such tensor",
                    required: "F32 of shape [\(arena.count)]")
            }
            UnsafeMutableRawPointer(arena.pointer).copyMemory(from: base, byteCount: arena.count * 4)
        }
        if let other = file.names.first(where: { name in !arenas.contains { $0.name == name } }) {
            throw CheckpointError(
                file: path, .tensor(other), found: "a tensor this run has not", required: "the tensors of this run")
        }
        trainer.resume(at: step)
    }

    private static func require(_ identity: Identity, path: String, _ text: (String) throws -> String) throws {
        let saved = try JSONReader.parse(Array(try text("recipe").utf8)).objectValue ?? JSONObject()
        for key in identity.recipe.keys + saved.keys.filter({ identity.recipe[$0] == nil })
        where !same(identity.recipe[key], saved[key]) {
            throw TrainingError(
                "\(path): \(key)", found: "\(identity.recipe[key]?.text() ?? "nothing") in this command",
                required: "\(saved[key]?.text() ?? "nothing"), with which the run began")
        }
        for (key, value) in [
            ("corpus", identity.corpus), ("model", identity.model), ("micro_steps", "\(identity.microSteps)"),
        ] {
            let saved = try text(key)
            guard saved == value else {
                throw TrainingError(
                    "\(path): \(key)", found: saved, required: "\(value), that of this run")
            }
        }
    }

    /// Numbers that were written and read back may have become integers.
    private static func same(_ left: JSONValue?, _ right: JSONValue?) -> Bool {
        if let left = left?.doubleValue, let right = right?.doubleValue { return left == right }
        return left == right
    }

    static func arenas(of trainer: Trainer) -> [(name: String, arena: ParameterArena)] {
        trainer.optimizer.groups.flatMap { group in
            [
                (group.name, group.values), ("\(group.name).first_moments", group.firstMoments),
                ("\(group.name).second_moments", group.secondMoments),
            ]
        }
    }
}
