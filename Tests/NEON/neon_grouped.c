// Compares linear layers over grouped integers with their portable twins.

#include "neon_test.h"

typedef struct grouped_shape {
    size_t rows, inputs, outputs, group;
    dms_precision precision;
    dms_dtype type;
} grouped_shape;

static int is_in_panels(const grouped_shape *s) { return s->precision == DMS_PRECISION_INT8; }

static void run(dms_context *context, const grouped_shape *s, const float *x, size_t rows, const void *codes,
                const uint16_t *scales, float *y) {
    dms_dtype panels = s->type == DMS_GROUPED_INT8 ? DMS_PANELS_INT8 : DMS_PANELS_INT4;
    dms_linear_output output = {.weight = codes, .weight_type = is_in_panels(s) ? panels : s->type, .out_features = s->outputs, .y = y,
                                .y_stride = s->outputs + 3, .scales = scales, .group = s->group};
    size_t bytes = dms_linear_scratch_bytes(context, rows, s->inputs, s->precision);
    void *scratch = memory(bytes);
    dms_linear_args args = {x, s->inputs, rows, s->inputs, s->precision, &output, 1, scratch, bytes};
    dms_linear(context, &args);
    free(scratch);
}

static void check(const grouped_shape *s) {
    char shape[128];
    snprintf(shape, sizeof shape, "rows %zu inputs %zu outputs %zu group %zu precision %d type %d", s->rows, s->inputs,
             s->outputs, s->group, s->precision, s->type);
    size_t stride = s->outputs + 3, count = s->rows * stride, weights = s->outputs * s->inputs;
    float *x = floats(s->rows * s->inputs, 1), *wide = floats(weights, 1);
    void *codes = memory(weights), *other = memory(weights);
    uint16_t *scales = memory(weights * 2), *more = memory(weights * 2);
    dms_quantize(neon_threads, wide, s->outputs, s->inputs, s->type, s->group, 1, codes, scales);
    dms_quantize(portable, wide, s->outputs, s->inputs, s->type, s->group, 1, other, more);
    expect_equal("quantize, codes", shape, codes, other, weights);
    expect_equal("quantize, scales", shape, scales, more, weights * 2);
    if (is_in_panels(s)) {
        size_t bytes = dms_panels_bytes(s->type, s->outputs, s->inputs, s->group);
        void *panels = memory(bytes), *twin = memory(bytes);
        dms_pack_panels(neon_threads, s->type, codes, scales, s->outputs, s->inputs, s->group, panels);
        dms_pack_panels(portable, s->type, codes, scales, s->outputs, s->inputs, s->group, twin);
        expect_equal("panels", shape, panels, twin, bytes);
        free(twin);
        free(codes);
        codes = panels;
    }
    float *a = memory(count * 4), *b = memory(count * 4), *c = memory(count * 4);
    run(neon, s, x, s->rows, codes, scales, a);
    run(portable, s, x, s->rows, codes, scales, b);
    run(neon_threads, s, x, s->rows, codes, scales, c);
    // As for floats: terms are at most about 1.
    expect_near_terms("grouped linear", shape, a, b, count, 4e-7f * (4 + sqrtf((float)s->inputs)), 1);
    expect_equal("grouped linear, threads", shape, a, c, count * 4);
    for (size_t row = 0; row < s->rows; ++row) {
        memset(b, 0, stride * 4);
        run(neon, s, x + row * s->inputs, 1, codes, scales, b);
        expect_equal("grouped linear, one row", shape, b, a + row * stride, s->outputs * 4);
    }
    free(x);
    free(wide);
    free(codes);
    free(other);
    free(scales);
    free(more);
    free(a);
    free(b);
    free(c);
}

void test_grouped(void) {
    const size_t rows[] = {1, 2, 3, 5, 9}, groups[] = {1, 3, 33}, outputs[] = {1, 3, 4, 9};
    int before = failures;
    for (size_t r = 0; r < 5; ++r)
        for (size_t g = 0; g < 3; ++g)
            for (size_t n = 0; n < 4; ++n)
                for (int type = DMS_GROUPED_INT8; type <= DMS_GROUPED_INT4; ++type) {
                    size_t group = (size_t)32 << (r + g + n) % 3;
                    dms_precision precision = (dms_precision)((r + n) % 3);
                    check(&(grouped_shape){rows[r], groups[g] * group, outputs[n], group, precision, (dms_dtype)type});
                }
    report("grouped linear", before);
}
