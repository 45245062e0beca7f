// The kernels of training: NEON against portable.

#include "neon_test.h"

#include "dms_training.h"

// MARK: Matrix products

typedef struct {
    size_t rows, columns, depth;
    int form;  // bits: a transposed, b transposed, BF16, accumulate
} product;

static void run_product(dms_context *context, const product *p, const float *a, const float *b, float *c) {
    dms_matmul_args args = {
        .a = {a, p->form & 1 ? 1 : p->depth + 1, p->form & 1 ? p->rows + 1 : 1},
        .b = {b, p->form & 2 ? 1 : p->columns + 2, p->form & 2 ? p->depth + 2 : 1},
        .rows = p->rows,
        .columns = p->columns,
        .depth = p->depth,
        .c = c,
        .c_stride = p->columns + 3,
        .accumulate = p->form >> 3,
        .precision = p->form & 4 ? DMS_PRECISION_BF16 : DMS_PRECISION_FP32,
    };
    args.scratch_bytes = dms_matmul_scratch_bytes(context, &args);
    args.scratch = memory(args.scratch_bytes);
    dms_matmul(context, &args);
    free(args.scratch);
}

static void check_product(const product *p) {
    char shape[96];
    snprintf(shape, sizeof shape, "%zu x %zu x %zu form %d", p->rows, p->columns, p->depth, p->form);
    size_t count = p->rows * (p->columns + 3);
    float *left = floats((p->rows + 1) * (p->depth + 1), 1), *right = floats((p->columns + 2) * (p->depth + 2), 1);
    float *a = floats(count, 1), *b = memory(count * 4), *c = memory(count * 4);
    memcpy(b, a, count * 4);
    memcpy(c, a, count * 4);
    run_product(neon, p, left, right, a);
    run_product(portable, p, left, right, b);
    run_product(neon_threads, p, left, right, c);
    // Terms are at most 1; rounding errors add like a random walk.
    expect_near("matmul", shape, a, b, count, 4e-7f * (4 + sqrtf((float)p->depth)));
    expect_equal("matmul, threads", shape, a, c, count * 4);
    free(left);
    free(right);
    free(a);
    free(b);
    free(c);
}

static void test_products(void) {
    const size_t rows[] = {1, 7, 8, 19}, columns[] = {1, 11, 12, 30}, depths[] = {1, 4, 33, 257};
    int before = failures;
    for (int form = 0; form < 16; ++form) {
        for (size_t r = 0; r < 4; ++r)
            for (size_t n = 0; n < 4; ++n)
                for (size_t k = 0; k < 4; ++k) check_product(&(product){rows[r], columns[n], depths[k], form});
        check_product(&(product){70, 90, 300, form});
    }
    report("matmul", before);
}

// MARK: Row-wise kernels

enum { ROWS = 70 };

static void check_backward(dms_context *context, size_t columns, float *results[3], const float *x, const float *up,
                           const float *grad, const float *weight) {
    size_t stride = columns + 2;
    float *partials = memory(dms_rms_norm_backward_partials(ROWS, columns) * 4);
    dms_rms_norm_backward(context, x, stride, ROWS, columns, weight, 1e-5f, grad, stride, results[0], stride, 0,
                          results[1], partials);
    dms_swiglu_backward(context, x, up, grad, ROWS, columns, stride, results[2], results[2] + ROWS * stride);
    free(partials);
}

static void test_backward(size_t columns) {
    char shape[64];
    snprintf(shape, sizeof shape, "columns %zu", columns);
    size_t count = ROWS * (columns + 2), sizes[3] = {count, columns, 2 * count};
    float *x = floats(count, 4), *up = floats(count, 2), *grad = floats(count, 1), *weight = floats(columns, 2);
    dms_context *contexts[3] = {portable, neon, neon_threads};
    float *results[3][3];
    for (size_t c = 0; c < 3; ++c) {
        for (size_t i = 0; i < 3; ++i) results[c][i] = memory(sizes[i] * 4);
        check_backward(contexts[c], columns, results[c], x, up, grad, weight);
    }
    const char *names[3] = {"rms_norm_backward", "rms_norm_backward, weight", "swiglu_backward"};
    for (size_t i = 0; i < 3; ++i) {
        expect_near(names[i], shape, results[1][i], results[0][i], sizes[i], 4e-6f);
        expect_equal(names[i], "threads", results[1][i], results[2][i], sizes[i] * 4);
        for (size_t c = 0; c < 3; ++c) free(results[c][i]);
    }
    int32_t ids[ROWS];
    for (int32_t i = 0; i < ROWS; ++i) ids[i] = i * i % 11;
    float *a = memory(11 * columns * 4), *b = memory(11 * columns * 4);
    dms_embedding_backward(neon_threads, ids, ROWS, grad, columns + 2, columns, a);
    dms_embedding_backward(portable, ids, ROWS, grad, columns + 2, columns, b);
    expect_equal("embedding_backward", shape, a, b, 11 * columns * 4);
    free(a);
    free(b);
    free(x);
    free(up);
    free(grad);
    free(weight);
}

static void test_losses(size_t columns) {
    char shape[64];
    snprintf(shape, sizeof shape, "columns %zu", columns);
    size_t count = 3 * columns;
    float *x = floats(count, 9), *teacher = floats(count, 9), *t = memory(count * 4), *losses = memory(64);
    const int32_t targets[3] = {(int32_t)columns - 1, -1, 0};
    const float weights[3] = {1, 1, 0};
    float *a = memory(count * 4), *b = memory(count * 4);
    memcpy(a, x, count * 4);
    memcpy(b, x, count * 4);
    dms_cross_entropy(neon, a, columns, 3, columns, targets, 0.5f, losses);
    dms_cross_entropy(portable, b, columns, 3, columns, targets, 0.5f, losses + 3);
    expect_near("cross_entropy", shape, a, b, count, 2e-6f);
    expect_near("cross_entropy, losses", shape, losses, losses + 3, 3, 2e-6f);
    memcpy(a, x, count * 4);
    memcpy(b, x, count * 4);
    memcpy(t, teacher, count * 4);
    dms_divergence(neon, t, columns, a, columns, 3, columns, weights, 0.5f, losses);
    memcpy(t, teacher, count * 4);
    dms_divergence(portable, t, columns, b, columns, 3, columns, weights, 0.5f, losses + 3);
    expect_near("divergence", shape, a, b, count, 2e-6f);
    expect_near("divergence, losses", shape, losses, losses + 3, 3, 2e-6f);
    free(x);
    free(teacher);
    free(t);
    free(losses);
    free(a);
    free(b);
}

// MARK: Optimizer

static void test_optimizer(size_t count) {
    char shape[64];
    snprintf(shape, sizeof shape, "count %zu", count);
    float *gradients = floats(count, 1), *a = floats(3 * count, 1), *b = memory(3 * count * 4);
    for (size_t i = 2 * count; i < 3 * count; ++i) a[i] = fabsf(a[i]);
    memcpy(b, a, 3 * count * 4);
    dms_adamw_args args = {a,    gradients, a + count, a + 2 * count, count, 0.01f, 0.9f,
                           0.99f, 1e-8f,     0.1f,      0.1f,          0.01f, 0.5f};
    dms_adamw(neon_threads, &args);
    args.parameters = b;
    args.first_moments = b + count;
    args.second_moments = b + 2 * count;
    dms_adamw(portable, &args);
    expect_near("adamw", shape, a, b, 3 * count, 2e-6f);
    double sums[3] = {dms_sum_of_squares(neon, gradients, count), dms_sum_of_squares(neon_threads, gradients, count),
                      dms_sum_of_squares(portable, gradients, count)};
    expect_equal("sum_of_squares", "threads", sums, sums + 1, sizeof *sums);
    if (!(fabs(sums[0] - sums[2]) <= 1e-12 * sums[2])) fail("sum_of_squares", shape);
    free(gradients);
    free(a);
    free(b);
}

void test_training(void) {
    test_products();
    int before = failures;
    for (size_t columns = 1; columns < 20; ++columns) {
        // The gradient of a norm over one column is nothing but what rounding leaves.
        if (columns > 1) test_backward(columns);
        test_losses(columns);
        test_optimizer(columns);
    }
    test_backward(1025);
    test_losses(1025);
    test_optimizer(70001);
    report("training", before);
}
