// 8-bit products in plain C, the twin of the others and not fast; also for NEON, which has no kernel of its own.

#define DMS_TARGET

#include "dms_linear_int8_inputs.h"

// Adds DMS_INT8_GROUP_MIN inputs of one row.
static void multiply_unit(int32_t bits, const uint8_t *packed, const int8_t *x, int32_t *products) {
    int16_t low[DMS_INT8_STEP_BYTES], high[DMS_INT8_STEP_BYTES];
    const size_t steps = 8 / (size_t)bits;  // of the codes of one load
    for (size_t k = 0; k < DMS_INT8_GROUP_MIN; k += steps * DMS_INT8_STEP, packed += DMS_INT8_STEP_BYTES) {
        const int16_t *codes = low;
        for (size_t i = 0; i < DMS_INT8_STEP_BYTES; ++i) {
            low[i] = bits == 8 ? packed[i] : packed[i] & 15;
            high[i] = packed[i] >> 4;
        }
        for (size_t step = 0; step < steps; ++step, codes = high) {
            const int8_t *inputs = x + k + step * DMS_INT8_STEP;
            for (size_t n = 0; n < DMS_PANELS_OUTPUTS; ++n) {
                const int16_t *of_output = codes + n * DMS_INT8_STEP;
                for (size_t i = 0; i < DMS_INT8_STEP; ++i) products[n] += of_output[i] * inputs[i];
            }
        }
    }
}

static void multiply(const dms_panels_block *block, const dms_panels_rows *rows, float *sums) {
    for (size_t i = 0; i < block->next_bytes; i += DMS_CACHE_LINE) __builtin_prefetch(block->next + i, 0, 2);
    for (size_t row = 0; row < rows->count; ++row, sums += DMS_PANELS_OUTPUTS) {
        const uint8_t *packed = block->groups;
        const int8_t *x = (const int8_t *)rows->inputs + row * rows->stride;
        for (size_t g = 0; g < block->count; ++g) {
            int32_t start = -dms_int8_offset(block->bits) * rows->sums[row * rows->group_stride + g];
            int32_t products[DMS_PANELS_OUTPUTS];
            for (size_t n = 0; n < DMS_PANELS_OUTPUTS; ++n) products[n] = start;
            uint16_t scales[DMS_PANELS_OUTPUTS];
            memcpy(scales, packed, sizeof scales);
            packed += sizeof scales;
            for (size_t k = 0; k < block->group; k += DMS_INT8_GROUP_MIN, x += DMS_INT8_GROUP_MIN) {
                multiply_unit(block->bits, packed, x, products);
                packed += DMS_PANELS_OUTPUTS * DMS_INT8_GROUP_MIN * (size_t)block->bits / 8;
            }
            float scale = rows->scales[row * rows->group_stride + g];
            for (size_t n = 0; n < DMS_PANELS_OUTPUTS; ++n) {
                sums[n] += (float)products[n] * (scale * dms_bf16_to_f32(scales[n]));
            }
        }
    }
}

const dms_panels_kernels dms_int8_kernels_portable = {DMS_INT8_PANELS, .prepare = quantize, .multiply = multiply};
