// The row-wise drivers: divide rows over threads where that is worth it.
#include "dms_rows.h"

#include <math.h>

enum {
    TASK_ELEMENTS = 1 << 14,
};

// MARK: Rows over threads

typedef struct {
    dms_row_task task;
    const void *info;
    size_t rows, rows_per_task;
} rows_t;

static void run_rows(void *info, size_t index, size_t worker) {
    const rows_t *call = info;
    size_t end = DMS_MIN(call->rows, (index + 1) * call->rows_per_task);
    for (size_t row = index * call->rows_per_task; row < end; ++row) call->task(call->info, row);
}

void dms_for_rows(dms_context *context, size_t rows, size_t columns, dms_row_task task, const void *info) {
    rows_t call = {task, info, rows, rows};
    if (context->threads == 1 || rows * columns < DMS_PARALLEL_ELEMENTS) {
        if (rows > 0) run_rows(&call, 0, 0);
        return;
    }
    call.rows_per_task = DMS_MAX((size_t)1, TASK_ELEMENTS / DMS_MAX(columns, (size_t)1));
    dms_parallel(context, (rows + call.rows_per_task - 1) / call.rows_per_task, run_rows, &call);
}

// MARK: Element by element

typedef struct {
    const dms_row_kernels *kernels;
    const float *x, *other;  // weight, up or cosine; sine is `third`
    const float *third;
    size_t x_stride, other_stride;
    size_t columns, heads;
    float eps;
    float *y;
    size_t y_stride;
} elements_t;

static void rms_norm_row(const void *info, size_t row) {
    const elements_t *c = info;
    c->kernels->rms_norm(c->x + row * c->x_stride, c->columns, c->other, c->eps, c->y + row * c->y_stride);
}

void dms_rms_norm(dms_context *context, const float *x, size_t x_stride, size_t rows, size_t columns,
                  const float *weight, float eps, float *y, size_t y_stride) {
    elements_t call = {.kernels = context->rows, .x = x, .x_stride = x_stride, .other = weight, .columns = columns,
                       .eps = eps, .y = y, .y_stride = y_stride};
    dms_for_rows(context, rows, columns, rms_norm_row, &call);
}

static void rope_row(const void *info, size_t row) {
    const elements_t *c = info;
    c->kernels->rope(c->y + row * c->y_stride, c->heads, c->columns, c->other + row * c->columns,
                     c->third + row * c->columns);
}

void dms_rope(dms_context *context, float *x, size_t x_stride, size_t rows, size_t heads, size_t half,
              const float *cosine, const float *sine) {
    elements_t call = {.kernels = context->rows, .other = cosine, .third = sine, .columns = half, .heads = heads,
                       .y = x, .y_stride = x_stride};
    dms_for_rows(context, rows, heads * 2 * half, rope_row, &call);
}

static void swiglu_row(const void *info, size_t row) {
    const elements_t *c = info;
    c->kernels->swiglu(c->x + row * c->x_stride, c->other + row * c->other_stride, c->columns,
                       c->y + row * c->y_stride);
}

void dms_swiglu(dms_context *context, const float *gate, size_t gate_stride, const float *up, size_t up_stride,
                size_t rows, size_t columns, float *y, size_t y_stride) {
    elements_t call = {.kernels = context->rows, .x = gate, .x_stride = gate_stride, .other = up,
                       .other_stride = up_stride, .columns = columns, .y = y, .y_stride = y_stride};
    dms_for_rows(context, rows, columns, swiglu_row, &call);
}

static void add_row(const void *info, size_t row) {
    const elements_t *c = info;
    c->kernels->add(c->x + row * c->x_stride, c->columns, c->y + row * c->y_stride);
}

void dms_add(dms_context *context, const float *x, size_t x_stride, size_t rows, size_t columns, float *y,
             size_t y_stride) {
    elements_t call = {.kernels = context->rows, .x = x, .x_stride = x_stride, .columns = columns, .y = y,
                       .y_stride = y_stride};
    dms_for_rows(context, rows, columns, add_row, &call);
}

static void softmax_row(const void *info, size_t row) {
    const elements_t *c = info;
    c->kernels->softmax(c->y + row * c->y_stride, c->columns);
}

void dms_softmax(dms_context *context, float *x, size_t x_stride, size_t rows, size_t columns) {
    elements_t call = {.kernels = context->rows, .columns = columns, .y = x, .y_stride = x_stride};
    dms_for_rows(context, rows, columns, softmax_row, &call);
}

// MARK: Look-ups

void dms_rope_table(const int32_t *positions, size_t rows, const float *inverse_frequencies, size_t half,
                    float *cosine, float *sine) {
    for (size_t row = 0; row < rows; ++row) {
        for (size_t j = 0; j < half; ++j) {
            float angle = (float)positions[row] * inverse_frequencies[j];
            cosine[row * half + j] = cosf(angle);
            sine[row * half + j] = sinf(angle);
        }
    }
}

typedef struct {
    const dms_row_kernels *kernels;
    const int32_t *ids;
    const char *table;
    dms_dtype type;
    size_t columns;
    float *y;
    size_t y_stride;
} embedding_t;

static void embedding_row(const void *info, size_t row) {
    const embedding_t *c = info;
    const char *source = c->table + (size_t)c->ids[row] * c->columns * dms_dtype_size(c->type);
    c->kernels->widen(c->type, source, c->columns, c->y + row * c->y_stride);
}

void dms_embedding(dms_context *context, const int32_t *ids, size_t rows, const void *table, dms_dtype table_type,
                   size_t columns, float *y, size_t y_stride) {
    embedding_t call = {context->rows, ids, table, table_type, columns, y, y_stride};
    dms_for_rows(context, rows, columns, embedding_row, &call);
}

const dms_row_kernels *dms_row_kernels_for(dms_isa isa) {
    switch (isa) {
#if DMS_X86
    case DMS_ISA_AVX2:
    case DMS_ISA_AVX2_VNNI: return &dms_row_kernels_avx2;
    case DMS_ISA_AVX512:
    case DMS_ISA_AVX512_BF16:
    case DMS_ISA_AMX: return &dms_row_kernels_avx512;
#elif DMS_ARM
    case DMS_ISA_NEON: return &dms_row_kernels_neon;
#endif
    default: return &dms_row_kernels_portable;
    }
}
