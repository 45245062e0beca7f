import DMSEngine
import DMSJSON

/// What `dms bench --rows` prints.
struct BenchProducts {
    let results: [ProductResult]

    func text(arithmetic: Double, readBandwidth: Double) -> String {
        var table = TextTable([
            "linear layers", "outputs", "inputs", "rows", "ms", "Gop/s", "of ceiling", "GB/s", "of ceiling",
        ])
        for result in results {
            table.add([
                result.name, "\(result.outputs)", "\(result.inputs)", "\(result.rows)",
                Units.fixed(result.seconds * 1e3, 3), Units.fixed(result.operationsPerSecond / 1e9, 1),
                Units.percent(result.operationsPerSecond / arithmetic), Units.fixed(result.bytesPerSecond / 1e9, 1),
                Units.percent(result.bytesPerSecond / readBandwidth),
            ])
        }
        return table.text
    }

    func json(arithmetic: Double, readBandwidth: Double) -> [JSONValue] {
        results.map { result in
            .object(
                JSONObject([
                    "layers": .string(result.name), "outputs": .count(result.outputs), "inputs": .count(result.inputs),
                    "rows": .count(result.rows), "seconds": .number(result.seconds),
                    "weight_bytes": .count(result.weightBytes),
                    "operations_per_second": .number(result.operationsPerSecond),
                    "fraction_of_arithmetic": .measure(result.operationsPerSecond / arithmetic),
                    "bytes_per_second": .number(result.bytesPerSecond),
                    "fraction_of_read_bandwidth": .measure(result.bytesPerSecond / readBandwidth),
                ]))
        }
    }
}
