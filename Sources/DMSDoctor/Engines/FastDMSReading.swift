import DMSCheckpoint
import DMSJSON

/// Why FastDMS does not take metadata.
struct ReadingError: Error {
    let reason: String
    var notes: [String] = []
}

/// The numbers that FastDMS takes from a folder: from the first place that has any, with defaults for what is not there.
struct FastDMSReading {
    /// Where from, in words.
    let source: String
    let windowSize: Int
    let alphaScale: Double
    let alphaOffset: Double
    /// The fields that no key states.
    let assumed: [String]

    init(_ folder: ModelFolder, _ config: JSONObject?) throws(ReadingError) {
        let place = try Self.place(folder, config)
        source = place.name
        var assumed: [String] = []
        let window = try Self.number(["window_size", "dms_window_size"], place, orElse: 256, &assumed)
        alphaScale = try Self.number(["alpha_scale", "dms_alpha_scale"], place, orElse: 100, &assumed)
        alphaOffset = try Self.number(
            ["alpha_offset", "dms_alpha_offset", "dms_initial_alpha_offset"], place, orElse: 5, &assumed)
        guard let whole = Int(exactly: window.rounded(.towardZero)) else {
            throw ReadingError(reason: "window_size is \(window)")
        }
        windowSize = whole
        self.assumed = assumed
    }

    /// `dms_metadata.json`; else the log one folder up; else `config.json`, if it has one of four keys.
    private static func place(
        _ folder: ModelFolder, _ config: JSONObject?
    ) throws(ReadingError) -> (name: String, object: JSONObject) {
        do throws(CheckpointError) {
            if let object = try DMSMetadata.object(in: folder.path) {
                guard let value = object["config"] else { return (DMSMetadata.fileName, object) }
                guard let inner = value.objectValue else {
                    throw CheckpointError(
                        file: DMSMetadata.fileName, .key("config"), found: CheckpointError.shown(value),
                        required: "an object")
                }
                return ("\(DMSMetadata.fileName), \"config\" alone", inner)
            }
            let log = folder.path + "/../training_log.json"
            if MappedFile.exists(path: log) {
                let text = try MappedFile.contents(ofPath: log, limit: 256 << 20)
                if let object = (try? JSONReader.parse(text))?.objectValue {
                    return ("../training_log.json", object["config"]?.objectValue ?? JSONObject())
                }
                throw CheckpointError(file: log, found: "no JSON object", required: "one")
            }
        } catch {
            throw ReadingError(reason: "\(error)")
        }
        let keys = ["dms_window_size", "dms_alpha_scale", "dms_initial_alpha_offset", "dms_cr"]
        if let config, keys.contains(where: { config[$0] != nil }) { return ("config.json", config) }
        throw ReadingError(
            reason:
                "no \(DMSMetadata.fileName), no training_log.json one folder up, none of \(keys.joined(separator: ", "))"
                + " in config.json",
            notes: ["without eviction it runs the model densely, as Transformers does"])
    }

    private static func number(
        _ keys: [String], _ place: (name: String, object: JSONObject), orElse usual: Double, _ assumed: inout [String]
    ) throws(ReadingError) -> Double {
        guard let key = keys.first(where: { place.object[$0] != nil }), let value = place.object[key] else {
            assumed.append("\(keys[0]) (\(usual))")
            return usual
        }
        guard let number = value.doubleValue else {
            throw ReadingError(reason: "\(key) in \(place.name) is \(CheckpointError.shown(value)), no number")
        }
        return number
    }
}
