// The drivers of row-wise backward kernels. Where rows are summed, rows or columns are divided over threads at places
// that follow from the shape alone.
#include "dms_rows.h"
#include "dms_training_rows.h"

enum {
    // RMSNorm's rows are cut into stretches of at least so many rows, at most so many stretches; each sums its part of
    // the weight's gradient.
    STRETCH_ROWS = 32,
    MOST_STRETCHES = 64,
    // Columns of an embedding table that one task adds to: it goes through all rows, so that no two tasks meet.
    STRIPE_COLUMNS = 64,
};

const dms_training_kernels *dms_training_kernels_for(dms_isa isa) {
    switch (isa) {
#if DMS_X86
    case DMS_ISA_AVX2:
    case DMS_ISA_AVX2_VNNI: return &dms_training_avx2;
    case DMS_ISA_AVX512:
    case DMS_ISA_AVX512_BF16:
    case DMS_ISA_AMX: return &dms_training_avx512;
#elif DMS_ARM
    case DMS_ISA_NEON: return &dms_training_neon;
#endif
    default: return &dms_training_portable;
    }
}

// MARK: RMSNorm

typedef struct {
    const dms_training_kernels *kernels;
    const float *x, *weight, *grad_y;
    size_t x_stride, grad_y_stride, rows, columns, stretch_rows;
    float eps;
    float *grad_x;
    size_t grad_x_stride;
    int accumulate;
    float *partials;  // [stretches][columns]; NULL: not wanted
} norm_t;

static size_t stretch_rows(size_t rows) {
    return DMS_MAX((size_t)STRETCH_ROWS, dms_ceiling_divide(rows, MOST_STRETCHES));
}

size_t dms_rms_norm_backward_partials(size_t rows, size_t columns) {
    return dms_ceiling_divide(rows, stretch_rows(rows)) * columns;
}

static void norm_stretch(void *info, size_t index, size_t worker) {
    const norm_t *call = info;
    float *partial = call->partials ? call->partials + index * call->columns : NULL;
    if (partial) memset(partial, 0, call->columns * sizeof *partial);
    size_t end = DMS_MIN(call->rows, (index + 1) * call->stretch_rows);
    for (size_t row = index * call->stretch_rows; row < end; ++row) {
        call->kernels->rms_norm_backward(call->x + row * call->x_stride, call->columns, call->weight, call->eps,
                                         call->grad_y + row * call->grad_y_stride,
                                         call->grad_x + row * call->grad_x_stride, call->accumulate, partial);
    }
}

void dms_rms_norm_backward(dms_context *context, const float *x, size_t x_stride, size_t rows, size_t columns,
                           const float *weight, float eps, const float *grad_y, size_t grad_y_stride, float *grad_x,
                           size_t grad_x_stride, int32_t accumulate, float *grad_weight, float *partials) {
    norm_t call = {.kernels = context->training, .x = x, .weight = weight, .grad_y = grad_y, .x_stride = x_stride,
                   .grad_y_stride = grad_y_stride, .rows = rows, .columns = columns,
                   .stretch_rows = stretch_rows(rows), .eps = eps, .grad_x = grad_x, .grad_x_stride = grad_x_stride,
                   .accumulate = accumulate, .partials = grad_weight ? partials : NULL};
    size_t stretches = dms_ceiling_divide(rows, call.stretch_rows);
    if (rows * columns < DMS_PARALLEL_ELEMENTS) {
        for (size_t i = 0; i < stretches; ++i) norm_stretch(&call, i, 0);
    } else {
        dms_parallel(context, stretches, norm_stretch, &call);
    }
    if (!grad_weight) return;
    for (size_t i = 0; i < stretches; ++i) context->rows->add(partials + i * columns, columns, grad_weight);
}

// MARK: SwiGLU

typedef struct {
    const dms_training_kernels *kernels;
    const float *gate, *up, *grad_y;
    size_t columns, stride;
    float *grad_gate, *grad_up;
} swiglu_t;

static void swiglu_row(const void *info, size_t row) {
    const swiglu_t *call = info;
    size_t at = row * call->stride;
    call->kernels->swiglu_backward(call->gate + at, call->up + at, call->grad_y + at, call->columns,
                                   call->grad_gate + at, call->grad_up + at);
}

void dms_swiglu_backward(dms_context *context, const float *gate, const float *up, const float *grad_y, size_t rows,
                         size_t columns, size_t stride, float *grad_gate, float *grad_up) {
    swiglu_t call = {context->training, gate, up, grad_y, columns, stride, grad_gate, grad_up};
    dms_for_rows(context, rows, columns, swiglu_row, &call);
}

// MARK: Embedding

typedef struct {
    const dms_row_kernels *kernels;
    const int32_t *ids;
    const float *grad_y;
    size_t rows, grad_y_stride, columns;
    float *grad_table;
} embedding_t;

static void embedding_stripe(void *info, size_t index, size_t worker) {
    const embedding_t *call = info;
    size_t first = index * STRIPE_COLUMNS, width = DMS_MIN((size_t)STRIPE_COLUMNS, call->columns - first);
    for (size_t row = 0; row < call->rows; ++row) {
        call->kernels->add(call->grad_y + row * call->grad_y_stride + first, width,
                           call->grad_table + (size_t)call->ids[row] * call->columns + first);
    }
}

void dms_embedding_backward(dms_context *context, const int32_t *ids, size_t rows, const float *grad_y,
                            size_t grad_y_stride, size_t columns, float *grad_table) {
    embedding_t call = {context->rows, ids, grad_y, rows, grad_y_stride, columns, grad_table};
    size_t stripes = dms_ceiling_divide(columns, STRIPE_COLUMNS);
    if (rows * columns < DMS_PARALLEL_ELEMENTS) {
        for (size_t i = 0; i < stripes; ++i) embedding_stripe(&call, i, 0);
    } else {
        dms_parallel(context, stripes, embedding_stripe, &call);
    }
}
