// The drivers of the losses, row by row.
#include "dms_rows.h"
#include "dms_training_rows.h"

typedef struct {
    const dms_training_kernels *kernels;
    float *logits, *teacher;
    size_t stride, teacher_stride, columns;
    const int32_t *targets;
    const float *weights;
    float grad_scale;
    float *losses;
} losses_t;

static void cross_entropy_row(const void *info, size_t row) {
    const losses_t *call = info;
    float *logits = call->logits + row * call->stride;
    if (call->targets[row] < 0) {
        memset(logits, 0, call->columns * sizeof *logits);
        call->losses[row] = 0;
        return;
    }
    call->losses[row] =
        call->kernels->cross_entropy(logits, call->columns, (size_t)call->targets[row], call->grad_scale);
}

void dms_cross_entropy(dms_context *context, float *logits, size_t stride, size_t rows, size_t columns,
                       const int32_t *targets, float grad_scale, float *losses) {
    losses_t call = {.kernels = context->training, .logits = logits, .stride = stride, .columns = columns,
                     .targets = targets, .grad_scale = grad_scale, .losses = losses};
    dms_for_rows(context, rows, columns, cross_entropy_row, &call);
}

static void divergence_row(const void *info, size_t row) {
    const losses_t *call = info;
    float *logits = call->logits + row * call->stride;
    if (call->weights && call->weights[row] == 0) {
        memset(logits, 0, call->columns * sizeof *logits);
        call->losses[row] = 0;
        return;
    }
    call->losses[row] = call->kernels->divergence(call->teacher + row * call->teacher_stride, logits, call->columns,
                                                  call->grad_scale);
}

void dms_divergence(dms_context *context, float *teacher, size_t teacher_stride, float *logits, size_t stride,
                    size_t rows, size_t columns, const float *weights, float grad_scale, float *losses) {
    losses_t call = {.kernels = context->training, .logits = logits, .teacher = teacher, .stride = stride,
                     .teacher_stride = teacher_stride, .columns = columns, .weights = weights,
                     .grad_scale = grad_scale, .losses = losses};
    dms_for_rows(context, rows, columns, divergence_row, &call);
}
