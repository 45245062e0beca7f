// Row-wise kernels of one row, or a stretch of one, on one thread. The driver is dms_rows.c; the kernels are
// dms_rows_body.h, compiled once per instruction set.
#ifndef DMS_ROWS_H
#define DMS_ROWS_H

#include "dms_internal.h"

struct dms_row_kernels {
    void (*rms_norm)(const float *x, size_t columns, const float *weight, float eps, float *y);
    void (*rope)(float *x, size_t heads, size_t half, const float *cosine, const float *sine);
    void (*swiglu)(const float *gate, const float *up, size_t columns, float *y);
    void (*add)(const float *x, size_t columns, float *y);
    void (*widen)(dms_dtype type, const void *x, size_t columns, float *y);
    void (*softmax)(float *x, size_t columns);
    // NaN where there is one.
    float (*maximum)(const float *x, size_t columns);
    // The sum of exp(x - zero_point).
    double (*exp_sum)(const float *x, size_t columns, float zero_point);
};

enum {
    // Elements that take a thread about as long as waking the others does.
    DMS_PARALLEL_ELEMENTS = 1 << 16,
};

// Calls task(info, row) for every row, on several threads where that is worth it.
typedef void (*dms_row_task)(const void *info, size_t row);
void dms_for_rows(dms_context *context, size_t rows, size_t columns, dms_row_task task, const void *info);

extern const dms_row_kernels dms_row_kernels_portable;
#if DMS_X86
extern const dms_row_kernels dms_row_kernels_avx2;
extern const dms_row_kernels dms_row_kernels_avx512;
#elif DMS_ARM
extern const dms_row_kernels dms_row_kernels_neon;
#endif

#endif
