import DMSMPI
import DMSTraining

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The processes that a training command runs in.
enum TrainingReplicas {
    /// Joins the job that a launcher such as `mpirun` started this process in; one process alone otherwise.
    ///
    /// - Throws: `TrainingError` where MPI fails, or where a launcher started several processes of a build without MPI.
    static func join() throws -> any Replicas {
        if MPIReplicas.isPresent { return try MPIReplicas() }
        // Otherwise each process would train alone, all of them into one folder.
        for variable in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"] {
            guard let value = getenv(variable), let count = Int(String(cString: value)), count > 1 else { continue }
            throw TrainingError(
                "found \(count) processes started by an MPI launcher, required a build with MPI: swift build -c release "
                    + "--traits MPI")
        }
        return SingleProcess()
    }
}
