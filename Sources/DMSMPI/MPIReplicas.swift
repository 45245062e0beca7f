import CDMSMPI
public import DMSTraining

/// The processes of an MPI job as replicas of one training run.
///
/// A build without the trait `MPI` has this type, too, but nothing to join.
public final class MPIReplicas: Replicas {
    /// This process's number, from 0.
    public let rank: Int
    /// Processes in all.
    public let count: Int

    /// Whether this build has MPI.
    public static var isPresent: Bool { dms_mpi_is_present() != 0 }

    /// Joins the job that the process was started in, once in its life; a process that no launcher started is alone in it.
    ///
    /// - Throws: `TrainingError` in a build without MPI, or with what MPI says.
    public init() throws {
        var rank: Int32 = 0
        var count: Int32 = 1
        try Self.check("joining the job", dms_mpi_join(&rank, &count))
        self.rank = Int(rank)
        self.count = Int(count)
    }

    public func sum(_ values: UnsafeMutablePointer<Float>, count: Int) throws {
        try Self.check("summing \(count) gradients", dms_mpi_sum_floats(values, count))
    }

    public func sum(_ values: [Double]) throws -> [Double] {
        var values = values
        let status = values.withUnsafeMutableBufferPointer { dms_mpi_sum_doubles($0.baseAddress, $0.count) }
        try Self.check("summing \(values.count) numbers", status)
        return values
    }

    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws {
        try Self.check("sending \(bytes.count) bytes around", dms_mpi_broadcast(bytes.baseAddress, bytes.count))
    }

    public func barrier() throws { try Self.check("waiting for the other processes", dms_mpi_barrier()) }

    /// Leaves the job.
    ///
    /// A process that ends without it, because of an error, makes the launcher end the others, which would wait for it
    /// for ever.
    public func leave() throws { try Self.check("leaving the job", dms_mpi_leave()) }

    private static func check(_ what: String, _ status: Int32) throws {
        if status == 0 { return }
        var text = [CChar](repeating: 0, count: 512)
        dms_mpi_describe(status, &text, text.count)
        let message = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        throw TrainingError("MPI, \(what): \(message)")
    }
}
