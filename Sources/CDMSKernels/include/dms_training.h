// What training needs beyond running a model: matrix products in any orientation, the backward of every kernel of the
// graph, losses and the optimizer. The conventions of dms_kernels.h hold, but for one: a product's row may differ in
// its last bits with the shape of the call. For a given instruction set and the same shapes, every result has the same
// bits for any number of threads.
#ifndef DMS_TRAINING_H
#define DMS_TRAINING_H

#include "dms_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Matrix products

// A matrix as the product sees it: element (i, j) is at data[i * row_stride + j * column_stride], one of which is 1.
typedef struct dms_operand {
    const float *data;
    size_t row_stride;
    size_t column_stride;
} dms_operand;

// c[rows][columns] (+)= a[rows][depth] * b[depth][columns], c row-major. Sums are FP32, one accumulator per element and
// block of the depth, blocks added in order. DMS_PRECISION_BF16 rounds both operands to BF16 (to nearest, ties to
// even); it is for processors that multiply BF16 and falls back to exact FP32 products of the rounded operands.
typedef struct dms_matmul_args {
    dms_operand a, b;
    size_t rows, columns, depth;
    float *c;
    size_t c_stride;
    int32_t accumulate;
    dms_precision precision;
    void *scratch;
    size_t scratch_bytes;
} dms_matmul_args;

size_t dms_matmul_scratch_bytes(const dms_context *context, const dms_matmul_args *args);
void dms_matmul(dms_context *context, const dms_matmul_args *args);

// MARK: Attention with a bias per key

// Causal attention within each of `sequences` sequences of `length` tokens; row s * length + t is token t of sequence s.
//
//   score(i, k) = scale * q_i . k_k + (i > last_unbiased[k] ? bias[s][h][k] : 0)     for k <= i
//
// The kernel knows nothing about why a key is biased, nor from which query on. A bias may be very negative, never NaN
// or positive infinity; -infinity removes the key from there on. A key always sees itself unbiased when
// last_unbiased[k] >= k, which callers guarantee.
typedef struct dms_soft_attention_args {
    const float *q, *k, *v;  // [rows][stride], head h at h * head_dim, rotated
    size_t q_stride, k_stride, v_stride;
    size_t sequences, length;
    size_t query_heads, kv_heads, head_dim;  // as in dms_attention_args
    float scale;
    const float *bias;             // [sequences][kv_heads][length]; NULL: none
    const int32_t *last_unbiased;  // [length]; NULL exactly when bias is
    float *out;                    // [rows][out_stride]; written by forward, read by backward
    size_t out_stride;
    float *log_sum_exp;  // [sequences][query_heads][length]; written by forward, read by backward
    // Backward only; NULL in forward.
    const float *grad_out;  // [rows][out_stride]
    float *grad_q, *grad_k, *grad_v;  // strides of q, k and v; overwritten
    float *grad_bias;  // [sequences][kv_heads][length], summed over the query heads of the group; NULL when bias is
    void *scratch;
    size_t scratch_bytes;
} dms_soft_attention_args;

// Memory is linear in the number of tokens: FlashAttention's recurrences (arXiv 2205.14135, 2307.08691), tiles of
// queries x keys recomputed in backward from log_sum_exp.
size_t dms_soft_attention_scratch_bytes(const dms_context *context, const dms_soft_attention_args *args);
void dms_soft_attention(dms_context *context, const dms_soft_attention_args *args);
size_t dms_soft_attention_backward_scratch_bytes(const dms_context *context, const dms_soft_attention_args *args);
void dms_soft_attention_backward(dms_context *context, const dms_soft_attention_args *args);

// MARK: Row-wise backward kernels

// y = rms_norm(x) * weight: grad_x (+)= the gradient by x, grad_weight += the gradient by weight (NULL: not wanted).
// `partials` is scratch of dms_rms_norm_backward_partials(rows, columns) floats. grad_x may equal grad_y.
size_t dms_rms_norm_backward_partials(size_t rows, size_t columns);
void dms_rms_norm_backward(dms_context *context, const float *x, size_t x_stride, size_t rows, size_t columns,
                           const float *weight, float eps, const float *grad_y, size_t grad_y_stride, float *grad_x,
                           size_t grad_x_stride, int32_t accumulate, float *grad_weight, float *partials);

// y = silu(gate) * up. grad_gate and grad_up are overwritten and may equal gate, up or grad_y.
void dms_swiglu_backward(dms_context *context, const float *gate, const float *up, const float *grad_y, size_t rows,
                         size_t columns, size_t stride, float *grad_gate, float *grad_up);

// grad_table[ids[i]] += grad_y[i], in order of i for every entry.
void dms_embedding_backward(dms_context *context, const int32_t *ids, size_t rows, const float *grad_y,
                            size_t grad_y_stride, size_t columns, float *grad_table);

// MARK: Losses: logits become their own gradient

// losses[i] = log sum exp(logits[i]) - logits[i][targets[i]], nats; logits[i] = grad_scale * (softmax - one-hot).
// A row whose target is negative has loss 0 and gradient 0.
void dms_cross_entropy(dms_context *context, float *logits, size_t stride, size_t rows, size_t columns,
                       const int32_t *targets, float grad_scale, float *losses);

// losses[i] = KL(softmax(teacher[i]) || softmax(logits[i])), nats, never negative; logits[i] = grad_scale *
// (softmax(logits[i]) - softmax(teacher[i])). teacher[i] is overwritten. A row whose weight is 0 has loss 0 and
// gradient 0; `weights` may be NULL: all 1.
void dms_divergence(dms_context *context, float *teacher, size_t teacher_stride, float *logits, size_t stride,
                    size_t rows, size_t columns, const float *weights, float grad_scale, float *losses);

// MARK: Optimizer

// Sum of squares, in FP64 over fixed blocks.
double dms_sum_of_squares(dms_context *context, const float *x, size_t count);

// AdamW (Loshchilov and Hutter, arXiv 1711.05101), as PyTorch computes it, on gradients multiplied by grad_scale:
//   g = gradient * grad_scale
//   p -= learning_rate * weight_decay * p
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   p -= learning_rate * (m / correction1) / (sqrt(v / correction2) + epsilon)
typedef struct dms_adamw_args {
    float *parameters;
    const float *gradients;
    float *first_moments, *second_moments;
    size_t count;
    float learning_rate, beta1, beta2, epsilon, weight_decay;
    float correction1, correction2;  // 1 - beta^step
    float grad_scale;
} dms_adamw_args;
void dms_adamw(dms_context *context, const dms_adamw_args *args);

#ifdef __cplusplus
}
#endif

#endif
