// Walking a row vector by vector, for the instruction set whose dms_simd_*.h was included before. A row's last,
// incomplete vector is loaded with zeros behind it, or with minus infinity where a maximum or an exponential is taken.
#ifndef DMS_ROW_VECTORS_H
#define DMS_ROW_VECTORS_H

#include <math.h>

enum { SUMS = 4 };  // independent sums, so that additions need not wait for each other

// Vectors of a row: the one at i has n elements, all but the last VF_LANES.
#define FOR_VECTORS(i, n, columns)                                                             \
    for (size_t i = 0, n = DMS_MIN((columns), (size_t)VF_LANES); i < (columns);               \
         i += VF_LANES, n = (columns) - i < VF_LANES ? (columns) - i : (size_t)VF_LANES)

DMS_FN vf load_some(const float *p, size_t n) { return n == VF_LANES ? vf_load(p) : vf_load_n(p, n); }

DMS_FN void store_some(float *p, vf v, size_t n) {
    if (n == VF_LANES) {
        vf_store(p, v);
    } else {
        vf_store_n(p, v, n);
    }
}

DMS_FN vf load_or_lowest(const float *p, size_t n) {
    if (n == VF_LANES) return vf_load(p);
    float lanes[VF_LANES];
    vf_store(lanes, vf_set1(-INFINITY));
    memcpy(lanes, p, n * sizeof *p);
    return vf_load(lanes);
}

#endif
