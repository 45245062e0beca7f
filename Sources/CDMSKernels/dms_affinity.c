// How many processors the system lets this thread run on.

#if defined(__linux__)
#define _GNU_SOURCE
#include <sched.h>
#endif

#include "dms_kernels.h"

#if defined(__linux__)
// Masks of the C library's own size hold 1024 processors, and the system refuses one that is too short.
enum { SETS = 64 };

int32_t dms_affinity_count(void) {
    cpu_set_t sets[SETS];
    CPU_ZERO_S(sizeof sets, sets);
    if (sched_getaffinity(0, sizeof sets, sets) != 0) return 0;
    return CPU_COUNT_S(sizeof sets, sets);
}
#else
int32_t dms_affinity_count(void) { return 0; }
#endif
