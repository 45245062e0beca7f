// Kernels of training beside products and attention, of one row or one stretch of an array, on one thread. The drivers
// are dms_backward.c, dms_losses.c and dms_optimizer.c; the kernels are dms_training_body.h, compiled once per
// instruction set.
#ifndef DMS_TRAINING_ROWS_H
#define DMS_TRAINING_ROWS_H

#include "dms_internal.h"

#include "dms_training.h"

struct dms_training_kernels {
    // grad_weight is added to; NULL: not wanted.
    void (*rms_norm_backward)(const float *x, size_t columns, const float *weight, float eps, const float *grad_y,
                              float *grad_x, int accumulate, float *grad_weight);
    void (*swiglu_backward)(const float *gate, const float *up, const float *grad_y, size_t columns, float *grad_gate,
                            float *grad_up);
    // The loss; `logits` become their gradient.
    float (*cross_entropy)(float *logits, size_t columns, size_t target, float grad_scale);
    float (*divergence)(float *teacher, float *logits, size_t columns, float grad_scale);
    double (*sum_of_squares)(const float *x, size_t count);
    // Elements first ..< first + count.
    void (*adamw)(const dms_adamw_args *args, size_t first, size_t count);
};

extern const dms_training_kernels dms_training_portable;
#if DMS_X86
extern const dms_training_kernels dms_training_avx2;
extern const dms_training_kernels dms_training_avx512;
#elif DMS_ARM
extern const dms_training_kernels dms_training_neon;
#endif

#endif
