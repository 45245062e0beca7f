// Reductions of a row to one number: the logarithm of a sum of exponentials, and the index of the largest value.
#include "dms_rows.h"

#include <math.h>

enum {
    // A row is cut into stretches of at least so many columns, at most so many stretches. Both follow from the number
    // of columns alone, so that the threads have no say in the result.
    STRETCH_COLUMNS = 1 << 13,
    MOST_STRETCHES = 64,
};

// What is known of one stretch of a row. The sum is relative to the stretch's own largest value.
typedef struct {
    float largest;
    double sum;
} stretch_t;

typedef struct {
    const dms_row_kernels *kernels;
    const float *x;
    size_t x_stride, columns, stretch_columns, stretches;
    int32_t sums;  // whether `sum` is wanted
    float *log_sums;
    int32_t *indices;
    size_t row;           // while the stretches of one row are divided over threads
    stretch_t *partials;  // of that row
} reduction_t;

static const float *stretch_start(const reduction_t *call, size_t row, size_t index, size_t *columns) {
    size_t first = index * call->stretch_columns;
    *columns = DMS_MIN(call->stretch_columns, call->columns - first);
    return call->x + row * call->x_stride + first;
}

static stretch_t reduce_stretch(const reduction_t *call, size_t row, size_t index) {
    size_t columns;
    const float *x = stretch_start(call, row, index, &columns);
    stretch_t result = {call->kernels->maximum(x, columns), 0.0};
    if (call->sums && isfinite(result.largest)) result.sum = call->kernels->exp_sum(x, columns, result.largest);
    return result;
}

// NaN counts as larger than everything, and the first of equals is the largest.
static int is_larger(float a, float b) { return a > b || (isnan(a) && !isnan(b)); }

static float log_of_sums(const reduction_t *call, float largest, const stretch_t *partials) {
    if (!isfinite(largest)) return largest;
    double sum = 0;
    for (size_t i = 0; i < call->stretches; ++i) {
        sum += partials[i].sum * exp((double)partials[i].largest - (double)largest);
    }
    return (float)(log(sum) + (double)largest);
}

static void combine_stretches(const reduction_t *call, size_t row, const stretch_t *partials) {
    size_t best = 0, columns, found = 0;
    for (size_t i = 1; i < call->stretches; ++i) {
        if (is_larger(partials[i].largest, partials[best].largest)) best = i;
    }
    float largest = partials[best].largest;
    if (call->sums) {
        call->log_sums[row] = log_of_sums(call, largest, partials);
        return;
    }
    const float *x = stretch_start(call, row, best, &columns);
    while (found + 1 < columns && is_larger(largest, x[found])) ++found;
    call->indices[row] = (int32_t)(best * call->stretch_columns + found);
}

static void reduce_row(const void *info, size_t row) {
    const reduction_t *call = info;
    stretch_t partials[MOST_STRETCHES];
    for (size_t i = 0; i < call->stretches; ++i) partials[i] = reduce_stretch(call, row, i);
    combine_stretches(call, row, partials);
}

static void run_stretch(void *info, size_t index, size_t worker) {
    const reduction_t *call = info;
    call->partials[index] = reduce_stretch(call, call->row, index);
}

static void reduce(dms_context *context, size_t rows, reduction_t call) {
    call.kernels = context->rows;
    call.stretch_columns = DMS_MAX((size_t)STRETCH_COLUMNS, (call.columns + MOST_STRETCHES - 1) / MOST_STRETCHES);
    call.stretches = (call.columns + call.stretch_columns - 1) / call.stretch_columns;
    if (rows >= (size_t)context->threads || call.columns < DMS_PARALLEL_ELEMENTS) {
        dms_for_rows(context, rows, call.columns, reduce_row, &call);
        return;
    }
    stretch_t partials[MOST_STRETCHES];
    call.partials = partials;
    for (call.row = 0; call.row < rows; ++call.row) {
        dms_parallel(context, call.stretches, run_stretch, &call);
        combine_stretches(&call, call.row, partials);
    }
}

void dms_log_sum_exp(dms_context *context, const float *x, size_t x_stride, size_t rows, size_t columns, float *y) {
    reduce(context, rows, (reduction_t){.x = x, .x_stride = x_stride, .columns = columns, .sums = 1, .log_sums = y});
}

void dms_argmax(dms_context *context, const float *x, size_t x_stride, size_t rows, size_t columns, int32_t *y) {
    reduce(context, rows, (reduction_t){.x = x, .x_stride = x_stride, .columns = columns, .indices = y});
}
