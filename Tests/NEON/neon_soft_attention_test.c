// Compares training's attention with NEON, forward and backward, with its portable twin, on shapes that leave tails in
// every direction. Runs natively on AArch64 or under emulation (Scripts/test-neon.sh).

#include "dms_training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCES = 2, KV_HEADS = 2, GROUP = 2, HEADS = KV_HEADS * GROUP };

typedef struct shape {
    size_t length, dim;
    int biased;
} shape;

// What a call writes.
typedef struct result {
    float *out, *log_sum_exp, *grad_q, *grad_k, *grad_v, *grad_bias;
} result;

static int failures;
static uint64_t state = 0x9e3779b97f4a7c15u;

// SplitMix64, uniform in -1..<1.
static float next_float(void) {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (float)((double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1.0);
}

// Filled with NaN: nothing may be read before it is written.
static void *memory(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!p) abort();
    memset(p, 0xff, (bytes + 127) / 64 * 64);
    return p;
}

static float *floats(size_t count, float scale) {
    float *p = memory(count * sizeof *p);
    for (size_t i = 0; i < count; ++i) p[i] = next_float() * scale;
    return p;
}

static size_t query_count(const shape *s) { return SEQUENCES * s->length * HEADS * s->dim; }
static size_t key_count(const shape *s) { return SEQUENCES * s->length * KV_HEADS * s->dim; }
static size_t bias_count(const shape *s) { return SEQUENCES * s->length * KV_HEADS; }
static size_t sum_count(const shape *s) { return SEQUENCES * s->length * HEADS; }

static void expect_near(const char *what, const shape *s, const float *a, const float *b, size_t count) {
    float scale = 1;
    for (size_t i = 0; i < count; ++i) scale = fmaxf(scale, fabsf(b[i]));
    for (size_t i = 0; i < count; ++i) {
        // Two FP32 versions, each within 1e-5 of the exact result.
        if (fabsf(a[i] - b[i]) <= 2e-5f * scale) continue;
        printf("FAILED %s: length %zu dim %zu biased %d\n", what, s->length, s->dim, s->biased);
        ++failures;
        return;
    }
}

static result run(dms_context *context, const shape *s, dms_soft_attention_args args, const float *grad_out) {
    result r = {memory(query_count(s) * 4), memory(sum_count(s) * 4), memory(query_count(s) * 4),
                memory(key_count(s) * 4),   memory(key_count(s) * 4), memory(bias_count(s) * 4)};
    args.out = r.out;
    args.log_sum_exp = r.log_sum_exp;
    args.scratch_bytes = dms_soft_attention_scratch_bytes(context, &args);
    args.scratch = memory(args.scratch_bytes);
    dms_soft_attention(context, &args);
    free(args.scratch);
    args.grad_out = grad_out;
    args.grad_q = r.grad_q;
    args.grad_k = r.grad_k;
    args.grad_v = r.grad_v;
    args.grad_bias = s->biased ? r.grad_bias : NULL;
    args.scratch_bytes = dms_soft_attention_backward_scratch_bytes(context, &args);
    args.scratch = memory(args.scratch_bytes);
    dms_soft_attention_backward(context, &args);
    free(args.scratch);
    return r;
}

static void free_result(const result *r) {
    free(r->out);
    free(r->log_sum_exp);
    free(r->grad_q);
    free(r->grad_k);
    free(r->grad_v);
    free(r->grad_bias);
}

static void check(dms_context *portable, dms_context *vector, const shape *s) {
    float *q = floats(query_count(s), 2), *k = floats(key_count(s), 2), *v = floats(key_count(s), 2);
    float *grad_out = floats(query_count(s), 2), *bias = floats(bias_count(s), 2);
    int32_t *last = memory(s->length * sizeof *last);
    for (size_t i = 0; i < bias_count(s); ++i) bias[i] = i % 5 == 0 ? -INFINITY : bias[i] - 2;
    for (size_t i = 0; i < s->length; ++i) last[i] = i % 7 == 0 ? INT32_MAX : (int32_t)(i + i % 4);
    dms_soft_attention_args args = {
        .q = q,
        .k = k,
        .v = v,
        .q_stride = HEADS * s->dim,
        .k_stride = KV_HEADS * s->dim,
        .v_stride = KV_HEADS * s->dim,
        .sequences = SEQUENCES,
        .length = s->length,
        .query_heads = HEADS,
        .kv_heads = KV_HEADS,
        .head_dim = s->dim,
        .scale = 1 / sqrtf((float)s->dim),
        .bias = s->biased ? bias : NULL,
        .last_unbiased = s->biased ? last : NULL,
        .out_stride = HEADS * s->dim,
    };
    result a = run(vector, s, args, grad_out), b = run(portable, s, args, grad_out);
    expect_near("out", s, a.out, b.out, query_count(s));
    expect_near("log_sum_exp", s, a.log_sum_exp, b.log_sum_exp, sum_count(s));
    expect_near("grad_q", s, a.grad_q, b.grad_q, query_count(s));
    expect_near("grad_k", s, a.grad_k, b.grad_k, key_count(s));
    expect_near("grad_v", s, a.grad_v, b.grad_v, key_count(s));
    if (s->biased) expect_near("grad_bias", s, a.grad_bias, b.grad_bias, bias_count(s));
    free_result(&a);
    free_result(&b);
    free(q);
    free(k);
    free(v);
    free(grad_out);
    free(bias);
    free(last);
}

int main(void) {
    const size_t lengths[] = {1, 5, 64, 100, 161}, dims[] = {2, 22, 32, 64, 130};
    dms_context *portable = dms_context_new(DMS_ISA_PORTABLE, 1), *vector = dms_context_new(dms_isa_best(), 3);
    if (!portable || !vector) return 1;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; ++l)
        for (size_t d = 0; d < sizeof dims / sizeof *dims; ++d)
            for (int biased = 0; biased < 2; ++biased) {
                check(portable, vector, &(shape){lengths[l], dims[d], biased});
            }
    printf("%-16s %s (%s)\n", "soft attention", failures == 0 ? "ok" : "FAILED", dms_isa_name(dms_isa_best()));
    dms_context_free(vector);
    dms_context_free(portable);
    return failures != 0;
}
