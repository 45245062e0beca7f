// Rounds weights to a few bits with a scale for each group, one task for each row. Plain C: the same codes everywhere.

#include "dms_elements.h"

enum {
    DMS_SCALES_TRIED = 20,
    // Of the tried scales this is the one that the largest magnitude gives; those before are larger.
    DMS_SCALE_OF_MAXIMUM = 3,
    DMS_GROUP_MAX = 128,
    // Sums that a group's elements take turns with.
    DMS_ERROR_LANES = 8,
};

typedef struct dms_quantization {
    const float *weights;
    size_t inputs, group;
    int bits, searches;
    uint8_t *codes;
    uint16_t *scales;
} dms_quantization;

// The nearest code less its offset.
DMS_ELEMENT float dms_nearest(float weight, float inverse, float least, float most) {
    float code = weight * inverse;
    code = code < least ? least : code;
    code = code > most ? most : code;
    return (code + 0x1.8p23f) - 0x1.8p23f;
}

static float dms_group_maximum(const float *x, size_t count) {
    float maximum = 0;
    for (size_t i = 0; i < count; ++i) {
        float magnitude = x[i] < 0 ? -x[i] : x[i];
        // A NaN stays: nothing is larger.
        if (magnitude > maximum || magnitude != magnitude) maximum = magnitude;
    }
    return maximum;
}

// The sum of squared differences, for a group of a multiple of DMS_ERROR_LANES.
static float dms_group_error(const float *x, size_t count, float scale, float least, float most) {
    float inverse = 1 / scale, sums[DMS_ERROR_LANES] = {0}, total = 0;
    for (size_t i = 0; i < count; i += DMS_ERROR_LANES) {
        for (size_t j = 0; j < DMS_ERROR_LANES; ++j) {
            float difference = x[i + j] - dms_nearest(x[i + j], inverse, least, most) * scale;
            sums[j] += difference * difference;
        }
    }
    for (size_t j = 0; j < DMS_ERROR_LANES; ++j) total += sums[j];
    return total;
}

// A scale as BF16 holds it.
static float dms_stored(float scale) { return dms_bf16_to_f32(dms_f32_to_bf16(scale)); }

static float dms_group_scale(const dms_quantization *q, const float *x) {
    float least = q->bits == 8 ? -128 : -8, most = -1 - least, maximum = dms_group_maximum(x, q->group);
    float base = dms_stored(maximum / most);
    if (!(maximum <= 0x1.fffffep127f)) return dms_float(0x7fc00000u);
    // Zeros, and what is too small for a scale that is a normal number.
    if (base < 0x1p-120f) return 1;
    if (!q->searches) return base;
    float best = base, smallest = dms_group_error(x, q->group, base, least, most);
    for (int i = 0; i < DMS_SCALES_TRIED; ++i) {
        float scale = dms_stored(maximum / most * (1 - 0.025f * (float)(i - DMS_SCALE_OF_MAXIMUM)));
        float error = dms_group_error(x, q->group, scale, least, most);
        if (error < smallest) {
            smallest = error;
            best = scale;
        }
    }
    return best;
}

static void dms_quantize_row(void *info, size_t row, size_t worker) {
    const dms_quantization *q = info;
    float least = q->bits == 8 ? -128 : -8, most = -1 - least;
    const float *x = q->weights + row * q->inputs;
    uint8_t *codes = q->codes + row * q->inputs * (size_t)q->bits / 8;
    uint16_t *scales = q->scales + row * (q->inputs / q->group);
    for (size_t k = 0; k < q->inputs; k += q->group) {
        float scale = dms_group_scale(q, x + k), inverse = 1 / scale;
        uint8_t wide[DMS_GROUP_MAX];
        scales[k / q->group] = dms_f32_to_bf16(scale);
        for (size_t i = 0; i < q->group; ++i) {
            wide[i] = scale == scale ? (uint8_t)(int)(dms_nearest(x[k + i], inverse, least, most) - least) : 0;
        }
        if (q->bits == 8) {
            memcpy(codes + k, wide, q->group);
        } else {
            for (size_t i = 0; i < q->group; i += 2) codes[(k + i) / 2] = (uint8_t)(wide[i] | wide[i + 1] << 4);
        }
    }
}

void dms_quantize(dms_context *context, const float *weights, size_t rows, size_t inputs, dms_dtype type, size_t group,
                  int32_t searches, void *codes, uint16_t *scales) {
    dms_quantization q = {.weights = weights, .inputs = inputs, .group = group, .searches = searches, .codes = codes,
                          .bits = type == DMS_GROUPED_INT8 ? 8 : 4, .scales = scales};
    dms_parallel(context, rows, dms_quantize_row, &q);
}
