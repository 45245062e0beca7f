// Compares linear layers over floats, in rows and in panels, with their portable twins.

#include "neon_test.h"

typedef struct linear_shape {
    size_t rows, inputs, outputs;
    dms_precision precision;
    dms_dtype type;
    int bias, accumulate;
} linear_shape;

static void run_linear(dms_context *context, const linear_shape *s, const float *x, size_t rows, const void *weight,
                       const float *bias, float *y) {
    dms_linear_output outputs[2] = {
        {weight, s->type, s->bias ? bias : NULL, s->outputs, y, s->outputs + 3, s->accumulate},
        {weight, s->type, NULL, s->outputs, y + rows * (s->outputs + 3), s->outputs + 3, 0},
    };
    size_t bytes = dms_linear_scratch_bytes(context, rows, s->inputs, s->precision);
    void *scratch = memory(bytes);
    dms_linear_args args = {x, s->inputs + 1, rows, s->inputs, s->precision, outputs, 2, scratch, bytes};
    dms_linear(context, &args);
    free(scratch);
}

static void check_linear(const linear_shape *s) {
    char shape[128];
    snprintf(shape, sizeof shape, "rows %zu inputs %zu outputs %zu precision %d type %d", s->rows, s->inputs, s->outputs,
             s->precision, s->type);
    size_t y_stride = s->outputs + 3, y_count = 2 * s->rows * y_stride;
    float *x = floats(s->rows * (s->inputs + 1), 1), *bias = floats(s->outputs, 1), *initial = floats(y_count, 1);
    int in_panels = s->type == DMS_PANELS_BF16;
    void *weight = elements(in_panels ? DMS_BF16 : s->type, s->outputs * s->inputs, 1);
    if (in_panels) {
        void *rows = weight;
        weight = memory(dms_panels_bytes(s->type, s->outputs, s->inputs, 0));
        dms_pack_panels(neon_threads, DMS_BF16, rows, NULL, s->outputs, s->inputs, 0, weight);
        free(rows);
    }
    float *a = memory(y_count * 4), *b = memory(y_count * 4), *c = memory(y_count * 4);
    memcpy(a, initial, y_count * 4);
    memcpy(b, initial, y_count * 4);
    memcpy(c, initial, y_count * 4);
    run_linear(neon, s, x, s->rows, weight, bias, a);
    run_linear(portable, s, x, s->rows, weight, bias, b);
    run_linear(neon_threads, s, x, s->rows, weight, bias, c);
    // |x| and |w| are at most 1, so a sum's terms are; rounding errors add like a random walk.
    expect_near_terms("linear", shape, a, b, y_count, 4e-7f * (4 + sqrtf((float)s->inputs)), 1);
    expect_equal("linear, threads", shape, a, c, y_count * 4);
    for (size_t row = 0; row < s->rows; row += 3) {
        float *alone = memory(2 * y_stride * 4);
        memcpy(alone, initial + row * y_stride, y_stride * 4);
        run_linear(neon, s, x + row * (s->inputs + 1), 1, weight, bias, alone);
        expect_equal("linear, one row", shape, alone, a + row * y_stride, s->outputs * 4);
        free(alone);
    }
    free(x);
    free(bias);
    free(initial);
    free(weight);
    free(a);
    free(b);
    free(c);
}

void test_linear(void) {
    const size_t rows[] = {1, 2, 3, 4, 5, 9}, inputs[] = {0, 1, 3, 4, 31, 130, 1025}, outputs[] = {1, 2, 3, 5, 18};
    int before = failures;
    for (size_t r = 0; r < 6; ++r)
        for (size_t k = 0; k < 7; ++k)
            for (size_t n = 0; n < 5; ++n) {
                int odd = (int)(r + k + n) & 1;
                for (int type = DMS_F32; type <= DMS_F16; ++type) {
                    check_linear(&(linear_shape){rows[r], inputs[k], outputs[n], DMS_PRECISION_FP32, (dms_dtype)type,
                                                 odd, !odd});
                }
                check_linear(&(linear_shape){rows[r], inputs[k], outputs[n], DMS_PRECISION_BF16, DMS_BF16, !odd, odd});
                dms_precision precision = odd ? DMS_PRECISION_FP32 : DMS_PRECISION_BF16;
                check_linear(&(linear_shape){rows[r], inputs[k], outputs[n], precision, DMS_PANELS_BF16, !odd, odd});
            }
    report("linear", before);
}
