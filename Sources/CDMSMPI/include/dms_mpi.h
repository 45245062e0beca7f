// The few collective operations that training needs, over MPI where the build has it.
//
// Every function returns 0, DMS_MPI_ABSENT in a build without the trait MPI, or an error code of MPI. All are called by one
// thread, by every process of the job, in the same order.
#ifndef DMS_MPI_H
#define DMS_MPI_H

#include <stddef.h>

#define DMS_MPI_ABSENT (-1)

/// Whether this build has MPI: 1 or 0.
int dms_mpi_is_present(void);

/// Joins the job that this process was started in; a process started by itself is alone in its job.
int dms_mpi_join(int *rank, int *count);

/// Replaces the values by their sums over all processes: the same bits everywhere, for they are added in one place and sent
/// to all.
int dms_mpi_sum_floats(float *values, size_t count);
int dms_mpi_sum_doubles(double *values, size_t count);

/// Replaces the bytes by those of process 0.
int dms_mpi_broadcast(void *bytes, size_t count);

/// Waits for all processes.
int dms_mpi_barrier(void);

/// Leaves the job. A process that ends without it makes the launcher end the others.
int dms_mpi_leave(void);

/// Writes what a status means, as text that ends with a 0.
void dms_mpi_describe(int status, char *text, size_t capacity);

#endif
