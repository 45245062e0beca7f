// How a row's sums reach y one by one: where there are no masked stores, or slow ones.
#ifndef DMS_LINEAR_SUMS_H
#define DMS_LINEAR_SUMS_H

#include "dms_linear.h"

static inline __attribute__((always_inline)) void dms_store_sums(const dms_panel *panel, float *y,
                                                                 const float *sums) {
    for (size_t n = 0; n < panel->width; ++n) {
        float total = panel->adds ? y[n] + sums[n] : sums[n];
        y[n] = panel->bias ? total + panel->bias[n] : total;
    }
}

#endif
