// Compares the NEON kernels with their portable twins through the public interface, on shapes that leave tails in every
// direction. Runs natively on AArch64 or under emulation (Scripts/test-neon.sh); prints one line per kernel.

#include "neon_test.h"

dms_context *portable, *neon, *neon_threads;
int failures;

// MARK: Support

static uint64_t state = 0x9e3779b97f4a7c15u;

// SplitMix64, uniform in -1..<1.
static float next_float(void) {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (float)((double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1.0);
}

void *memory(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!p) abort();
    memset(p, 0, bytes);
    return p;
}

float *floats(size_t count, float scale) {
    float *p = memory(count * sizeof *p);
    for (size_t i = 0; i < count; ++i) p[i] = next_float() * scale;
    return p;
}

void *elements(dms_dtype type, size_t count, float scale) {
    float *wide = floats(count, scale);
    void *narrow = memory(count * 4);
    dms_convert(portable, wide, DMS_F32, narrow, type, count);
    free(wide);
    return narrow;
}

void fail(const char *what, const char *shape) {
    if (++failures <= 20) printf("FAILED %s: %s\n", what, shape);
}

void expect_near(const char *what, const char *shape, const float *a, const float *b, size_t count,
                        float tolerance) {
    expect_near_terms(what, shape, a, b, count, tolerance, 1e-6f);
}

void expect_near_terms(const char *what, const char *shape, const float *a, const float *b, size_t count,
                       float tolerance, float largest_term) {
    float scale = largest_term;
    for (size_t i = 0; i < count; ++i) scale = fmaxf(scale, fabsf(b[i]));
    for (size_t i = 0; i < count; ++i) {
        if (!(fabsf(a[i] - b[i]) <= tolerance * scale)) {
            fail(what, shape);
            return;
        }
    }
}

void expect_equal(const char *what, const char *shape, const void *a, const void *b, size_t bytes) {
    if (memcmp(a, b, bytes) != 0) fail(what, shape);
}

void report(const char *what, int before) {
    printf("%-16s %s\n", what, failures == before ? "ok" : "FAILED");
}

// MARK: Attention

enum { RUNS = 2, KV_HEADS = 2 };

typedef struct attention_case {
    dms_dtype type;
    dms_precision precision;
    size_t dim, group, rows, slots;
    float tolerance;
} attention_case;

static void run_attention(dms_context *context, const attention_case *c, const dms_kv_run *runs, const float *q,
                          float *out) {
    uint32_t starts[KV_HEADS + 1] = {0, RUNS, 2 * RUNS};
    dms_attention_sequence sequence = {0, c->rows, 5, runs, starts};
    size_t width = KV_HEADS * c->group * c->dim;
    dms_attention_args args = {
        .q = q,
        .q_stride = width,
        .out = out,
        .out_stride = width,
        .query_heads = KV_HEADS * c->group,
        .kv_heads = KV_HEADS,
        .head_dim = c->dim,
        .scale = 1 / sqrtf((float)c->dim),
        .kv_type = c->type,
        .precision = c->precision,
        .sequences = &sequence,
        .sequence_count = 1,
    };
    args.scratch_bytes = dms_attention_scratch_bytes(context, &args);
    args.scratch = memory(args.scratch_bytes);
    dms_attention(context, &args);
    free(args.scratch);
}

static void check_attention(const attention_case *c) {
    char shape[128];
    snprintf(shape, sizeof shape, "type %d precision %d dim %zu group %zu rows %zu slots %zu", c->type, c->precision,
             c->dim, c->group, c->rows, c->slots);
    size_t width = KV_HEADS * c->group * c->dim, kv = c->slots * c->dim;
    float *q = floats(c->rows * width, 2), *a = memory(c->rows * width * 4), *b = memory(c->rows * width * 4);
    dms_kv_run runs[KV_HEADS * RUNS];
    for (size_t r = 0; r < KV_HEADS * RUNS; ++r) {
        float *k = floats(kv, 1), *v = floats(kv, 1);
        void *keys = memory(kv * 4), *values = memory(kv * 4);
        float *key_scales = memory(c->slots * 4), *value_scales = memory(c->slots * 4);
        int scaled = c->type == DMS_FP8_E4M3 || c->type == DMS_INT8;
        dms_kv_store(portable, c->type, k, c->dim, c->slots, c->dim, keys, scaled ? key_scales : NULL);
        dms_kv_store(portable, c->type, v, c->dim, c->slots, c->dim, values, scaled ? value_scales : NULL);
        int32_t *first = memory(c->slots * 4), *last = memory(c->slots * 4);
        for (size_t i = 0; i < c->slots; ++i) {
            first[i] = (int32_t)(i % 9);
            last[i] = i % 3 == 0 ? 6 : INT32_MAX;
        }
        runs[r] = (dms_kv_run){keys, values, scaled ? key_scales : NULL, scaled ? value_scales : NULL, c->slots,
                               r % 2 ? first : NULL, r % 2 ? last : NULL};
        free(k);
        free(v);
    }
    run_attention(neon, c, runs, q, a);
    run_attention(portable, c, runs, q, b);
    expect_near("attention", shape, a, b, c->rows * width, c->tolerance);
    run_attention(neon_threads, c, runs, q, b);
    expect_equal("attention, threads", shape, a, b, c->rows * width * 4);
    // Runs outlive the calls on purpose: the process ends soon, and freeing const members would need casts.
    free(q);
    free(a);
    free(b);
}

static void test_attention(void) {
    const size_t dims[] = {2, 30, 64, 128}, rows[] = {1, 7}, slots[] = {1, 3, 16, 77};
    int before = failures;
    for (int type = DMS_F32; type <= DMS_INT8; ++type)
        for (size_t d = 0; d < 4; ++d)
            for (size_t r = 0; r < 2; ++r)
                for (size_t s = 0; s < 4; ++s) {
                    attention_case c = {(dms_dtype)type, DMS_PRECISION_FP32, dims[d], 1 + 2 * (d & 1), rows[r],
                                        slots[s], 2e-5f};
                    check_attention(&c);
                    c.precision = DMS_PRECISION_BF16;
                    c.tolerance = 0.03f;
                    check_attention(&c);
                }
    report("attention", before);
}

static void test_kv(void) {
    int before = failures;
    for (int type = DMS_F32; type <= DMS_INT8; ++type)
        for (size_t dim = 2; dim <= 66; dim += 16) {
            char shape[64];
            snprintf(shape, sizeof shape, "type %d dim %zu", type, dim);
            float *x = floats(5 * (dim + 1), 3), *scales_a = memory(20), *scales_b = memory(20);
            memset(x + 2 * (dim + 1), 0, dim * 4);
            int scaled = type == DMS_FP8_E4M3 || type == DMS_INT8;
            size_t bytes = 5 * dim * dms_dtype_size((dms_dtype)type);
            void *a = memory(bytes), *b = memory(bytes);
            dms_kv_store(neon, (dms_dtype)type, x, dim + 1, 5, dim, a, scaled ? scales_a : NULL);
            dms_kv_store(portable, (dms_dtype)type, x, dim + 1, 5, dim, b, scaled ? scales_b : NULL);
            expect_equal("kv_store", shape, a, b, bytes);
            expect_equal("kv_store, scales", shape, scales_a, scales_b, 20);
            float *wide_a = memory(5 * dim * 4), *wide_b = memory(5 * dim * 4);
            dms_kv_load(neon, (dms_dtype)type, a, scaled ? scales_a : NULL, 5, dim, wide_a, dim);
            dms_kv_load(portable, (dms_dtype)type, b, scaled ? scales_b : NULL, 5, dim, wide_b, dim);
            expect_equal("kv_load", shape, wide_a, wide_b, 5 * dim * 4);
            free(x);
            free(scales_a);
            free(scales_b);
            free(a);
            free(b);
            free(wide_a);
            free(wide_b);
        }
    report("kv_store, load", before);
}

// MARK: Row-wise kernels

enum { ROWS = 3 };

static void check_rows(size_t columns) {
    char shape[64];
    snprintf(shape, sizeof shape, "columns %zu", columns);
    size_t stride = columns + 2, count = ROWS * stride;
    float *x = floats(count, 4), *up = floats(count, 2), *weight = floats(columns, 2);
    float *a = memory(count * 4), *b = memory(count * 4);

    dms_rms_norm(neon, x, stride, ROWS, columns, weight, 1e-5f, a, stride);
    dms_rms_norm(portable, x, stride, ROWS, columns, weight, 1e-5f, b, stride);
    expect_near("rms_norm", shape, a, b, count, 2e-6f);

    dms_swiglu(neon, x, stride, up, stride, ROWS, columns, a, stride);
    dms_swiglu(portable, x, stride, up, stride, ROWS, columns, b, stride);
    expect_near("swiglu", shape, a, b, count, 2e-6f);

    memcpy(a, x, count * 4);
    memcpy(b, x, count * 4);
    dms_add(neon, up, stride, ROWS, columns, a, stride);
    dms_add(portable, up, stride, ROWS, columns, b, stride);
    expect_equal("add", shape, a, b, count * 4);

    memcpy(a, x, count * 4);
    memcpy(b, x, count * 4);
    dms_softmax(neon, a, stride, ROWS, columns);
    dms_softmax(portable, b, stride, ROWS, columns);
    for (size_t r = 0; r < ROWS; ++r) expect_near("softmax", shape, a + r * stride, b + r * stride, columns, 4e-6f);

    float sums_a[ROWS], sums_b[ROWS];
    dms_log_sum_exp(neon, x, stride, ROWS, columns, sums_a);
    dms_log_sum_exp(portable, x, stride, ROWS, columns, sums_b);
    expect_near("log_sum_exp", shape, sums_a, sums_b, ROWS, 2e-6f);

    // A tie: the first index must win.
    x[columns - 1] = x[columns / 2] = 9;
    int32_t best_a[ROWS], best_b[ROWS];
    dms_argmax(neon, x, stride, ROWS, columns, best_a);
    dms_argmax(portable, x, stride, ROWS, columns, best_b);
    expect_equal("argmax", shape, best_a, best_b, sizeof best_a);
    if (best_a[0] != (int32_t)(columns / 2)) fail("argmax, tie", shape);

    free(x);
    free(up);
    free(weight);
    free(a);
    free(b);
}

static void test_rows(void) {
    int before = failures;
    for (size_t columns = 1; columns < 40; ++columns) check_rows(columns);
    check_rows(2049);
    report("row-wise", before);
}

static void test_rope(void) {
    int before = failures;
    for (size_t half = 1; half <= 34; half += 3) {
        char shape[64];
        snprintf(shape, sizeof shape, "half %zu", half);
        size_t width = 2 * 2 * half + 1;
        float *frequencies = floats(half, 1), *cosine = memory(ROWS * half * 4), *sine = memory(ROWS * half * 4);
        const int32_t positions[ROWS] = {0, 7, 100000};
        dms_rope_table(positions, ROWS, frequencies, half, cosine, sine);
        float *a = floats(ROWS * width, 1), *b = memory(ROWS * width * 4);
        memcpy(b, a, ROWS * width * 4);
        dms_rope(neon, a, width, ROWS, 2, half, cosine, sine);
        dms_rope(portable, b, width, ROWS, 2, half, cosine, sine);
        expect_near("rope", shape, a, b, ROWS * width, 1e-6f);
        free(frequencies);
        free(cosine);
        free(sine);
        free(a);
        free(b);
    }
    report("rope", before);
}

// MARK: Element types

static void test_elements(void) {
    int before = failures;
    const dms_dtype types[] = {DMS_F32, DMS_BF16, DMS_F16};
    enum { COUNT = 65536 + 77, COLUMNS = 19, TABLE_ROWS = 11 };
    // Every bit pattern of 16 bits, and FP32 values over the whole range.
    uint32_t *source = memory(COUNT * 4);
    for (size_t i = 0; i < COUNT; ++i) source[i] = (uint32_t)i * 2654435761u;
    uint16_t *patterns = memory(COUNT * 2);
    for (size_t i = 0; i < COUNT; ++i) patterns[i] = (uint16_t)i;
    for (int from = 0; from < 3; ++from)
        for (int to = 0; to < 3; ++to) {
            const void *in = types[from] == DMS_F32 ? (const void *)source : patterns;
            void *a = memory(COUNT * 4), *b = memory(COUNT * 4);
            dms_convert(neon_threads, in, types[from], a, types[to], COUNT);
            dms_convert(portable, in, types[from], b, types[to], COUNT);
            expect_equal("convert", "every pattern", a, b, COUNT * dms_dtype_size(types[to]));
            free(a);
            free(b);
        }
    for (int type = 0; type < 3; ++type) {
        const int32_t ids[ROWS] = {10, 0, 3};
        void *table = elements(types[type], TABLE_ROWS * COLUMNS, 1);
        float a[ROWS * COLUMNS], b[ROWS * COLUMNS];
        dms_embedding(neon, ids, ROWS, table, types[type], COLUMNS, a, COLUMNS);
        dms_embedding(portable, ids, ROWS, table, types[type], COLUMNS, b, COLUMNS);
        expect_equal("embedding", "", a, b, sizeof a);
        free(table);
    }
    free(source);
    free(patterns);
    report("convert, embed", before);
}

int main(void) {
    portable = dms_context_new(DMS_ISA_PORTABLE, 1);
    neon = dms_context_new(DMS_ISA_NEON, 1);
    neon_threads = dms_context_new(DMS_ISA_NEON, 3);
    if (!portable || !neon || !neon_threads || dms_isa_best() != DMS_ISA_NEON) {
        printf("FAILED: no NEON context\n");
        return 1;
    }
    test_linear();
    test_grouped();
    test_attention();
    test_kv();
    test_rows();
    test_rope();
    test_elements();
    test_training();
    dms_context_free(neon_threads);
    dms_context_free(neon);
    dms_context_free(portable);
    printf(failures == 0 ? "NEON agrees with portable\n" : "%d failures\n", failures);
    return failures != 0;
}
