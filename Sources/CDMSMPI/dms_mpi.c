#include "dms_mpi.h"

#include <stdio.h>

#ifdef DMS_MPI

#include <mpi.h>

// Counts are ints in MPI; large arrays go in pieces.
#define PIECE ((size_t)1 << 26)

int dms_mpi_is_present(void) { return 1; }

int dms_mpi_join(int *rank, int *count) {
    int provided;
    int status = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    if (status) return status;
    // Errors come back as codes, so that the caller can say what it was doing.
    status = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (!status) status = MPI_Comm_rank(MPI_COMM_WORLD, rank);
    if (!status) status = MPI_Comm_size(MPI_COMM_WORLD, count);
    return status;
}

// MPI promises equal results on all processes of a reduction to all only as advice; a sum in one place that is then sent
// around needs no such promise.
static int sum(void *values, size_t count, size_t width, MPI_Datatype type) {
    int rank;
    int status = MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (size_t start = 0; !status && start < count; start += PIECE) {
        int length = (int)(count - start < PIECE ? count - start : PIECE);
        char *piece = (char *)values + start * width;
        status = rank == 0 ? MPI_Reduce(MPI_IN_PLACE, piece, length, type, MPI_SUM, 0, MPI_COMM_WORLD)
                           : MPI_Reduce(piece, NULL, length, type, MPI_SUM, 0, MPI_COMM_WORLD);
        if (!status) status = MPI_Bcast(piece, length, type, 0, MPI_COMM_WORLD);
    }
    return status;
}

int dms_mpi_sum_floats(float *values, size_t count) { return sum(values, count, sizeof(float), MPI_FLOAT); }

int dms_mpi_sum_doubles(double *values, size_t count) { return sum(values, count, sizeof(double), MPI_DOUBLE); }

int dms_mpi_broadcast(void *bytes, size_t count) {
    int status = 0;
    for (size_t start = 0; !status && start < count; start += PIECE) {
        int length = (int)(count - start < PIECE ? count - start : PIECE);
        status = MPI_Bcast((char *)bytes + start, length, MPI_BYTE, 0, MPI_COMM_WORLD);
    }
    return status;
}

int dms_mpi_barrier(void) { return MPI_Barrier(MPI_COMM_WORLD); }

int dms_mpi_leave(void) { return MPI_Finalize(); }

void dms_mpi_describe(int status, char *text, size_t capacity) {
    char message[MPI_MAX_ERROR_STRING] = "";
    int length;
    if (MPI_Error_string(status, message, &length)) snprintf(message, sizeof message, "error %d", status);
    snprintf(text, capacity, "%s", message);
}

#else

int dms_mpi_is_present(void) { return 0; }
int dms_mpi_join(int *rank, int *count) { return (void)rank, (void)count, DMS_MPI_ABSENT; }
int dms_mpi_sum_floats(float *values, size_t count) { return (void)values, (void)count, DMS_MPI_ABSENT; }
int dms_mpi_sum_doubles(double *values, size_t count) { return (void)values, (void)count, DMS_MPI_ABSENT; }
int dms_mpi_broadcast(void *bytes, size_t count) { return (void)bytes, (void)count, DMS_MPI_ABSENT; }
int dms_mpi_barrier(void) { return DMS_MPI_ABSENT; }
int dms_mpi_leave(void) { return DMS_MPI_ABSENT; }

void dms_mpi_describe(int status, char *text, size_t capacity) {
    (void)status;
    snprintf(text, capacity, "this build has no MPI (swift build --traits MPI)");
}

#endif
