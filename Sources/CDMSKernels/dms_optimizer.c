// The drivers of what the optimizer does to whole arrays.
#include "dms_rows.h"
#include "dms_training_rows.h"

enum {
    // Sums run over stretches of at least so many elements, at most so many stretches, cut at places that follow from
    // the count alone.
    STRETCH_ELEMENTS = 1 << 14,
    MOST_STRETCHES = 256,
};

typedef struct {
    const dms_training_kernels *kernels;
    const float *x;
    size_t count, stretch;
    double partials[MOST_STRETCHES];
} squares_t;

static void squares_stretch(void *info, size_t index, size_t worker) {
    squares_t *call = info;
    size_t first = index * call->stretch;
    call->partials[index] = call->kernels->sum_of_squares(call->x + first, DMS_MIN(call->stretch, call->count - first));
}

double dms_sum_of_squares(dms_context *context, const float *x, size_t count) {
    squares_t call = {.kernels = context->training, .x = x, .count = count};
    call.stretch = DMS_MAX((size_t)STRETCH_ELEMENTS, (count + MOST_STRETCHES - 1) / MOST_STRETCHES);
    size_t stretches = (count + call.stretch - 1) / call.stretch;
    if (count < DMS_PARALLEL_ELEMENTS) {
        for (size_t i = 0; i < stretches; ++i) squares_stretch(&call, i, 0);
    } else {
        dms_parallel(context, stretches, squares_stretch, &call);
    }
    double sum = 0;
    for (size_t i = 0; i < stretches; ++i) sum += call.partials[i];
    return sum;
}

typedef struct {
    const dms_training_kernels *kernels;
    const dms_adamw_args *args;
} adamw_t;

static void adamw_stretch(void *info, size_t index, size_t worker) {
    const adamw_t *call = info;
    size_t first = index * STRETCH_ELEMENTS;
    call->kernels->adamw(call->args, first, DMS_MIN((size_t)STRETCH_ELEMENTS, call->args->count - first));
}

void dms_adamw(dms_context *context, const dms_adamw_args *args) {
    adamw_t call = {context->training, args};
    size_t stretches = (args->count + STRETCH_ELEMENTS - 1) / STRETCH_ELEMENTS;
    if (args->count < DMS_PARALLEL_ELEMENTS) {
        for (size_t i = 0; i < stretches; ++i) adamw_stretch(&call, i, 0);
    } else {
        dms_parallel(context, stretches, adamw_stretch, &call);
    }
}
