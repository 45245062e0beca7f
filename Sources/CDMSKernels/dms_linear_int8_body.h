// 8-bit products in plain C, compiled once for each instruction set that has no kernel of its own for them: right, and not
// fast. The including file defines DMS_TARGET.
//
// Packed codes: [pair of inputs][output][2], 16 bits each.

#include "dms_elements.h"
#include "dms_linear_int8.h"

#include <math.h>

DMS_TARGET static void quantize(const float *x, size_t inputs, size_t group, int8_t *codes, float *scales,
                                int32_t *sums) {
    for (size_t g = 0; g < inputs / group; ++g, x += group, codes += group) {
        // Bits of magnitudes order like the magnitudes, and those of NaN are above infinity's.
        uint32_t largest = 0;
        for (size_t k = 0; k < group; ++k) {
            uint32_t magnitude = dms_bits(x[k]) & 0x7fffffffu;
            largest = magnitude > largest ? magnitude : largest;
        }
        sums[g] = 0;
        if (largest < DMS_INT8_TINY || largest >= DMS_INT8_INFINITE) {
            scales[g] = largest < DMS_INT8_TINY ? 0.0f : NAN;
            memset(codes, 0, group);
            continue;
        }
        float inverse = 127.0f / dms_float(largest);
        scales[g] = dms_float(largest) / 127.0f;
        for (size_t k = 0; k < group; ++k) {
            codes[k] = dms_f32_to_int8(x[k] * inverse);
            sums[g] += codes[k];
        }
    }
}

static uint8_t code_at(const dms_int8_weights *weights, size_t output, size_t k) {
    if (weights->bits == 8) return weights->codes[output][k];
    return weights->codes[output][k / 2] >> (4 * (k % 2)) & 15;
}

DMS_TARGET static void pack(const dms_int8_weights *weights, const dms_int8_block *block) {
    int16_t *packed = block->codes;
    for (size_t n = 0; n < DMS_INT8_OUTPUTS; ++n) {
        for (size_t k = 0; k < weights->groups * weights->group; ++k) {
            packed[(k / 2 * DMS_INT8_OUTPUTS + n) * 2 + k % 2] = code_at(weights, n, k);
        }
        for (size_t g = 0; g < weights->groups; ++g) {
            block->scales[g * DMS_INT8_OUTPUTS + n] = dms_bf16_to_f32(weights->scales[n][g]);
        }
    }
    for (size_t i = 0; i < weights->next.count + block->next.count; i += DMS_CACHE_LINE) {
        __builtin_prefetch(weights->next.bytes + i, 0, 2);
    }
}

DMS_TARGET static void multiply(const dms_int8_block *block, const dms_int8_rows *rows, float *sums) {
    for (size_t row = 0; row < rows->count; ++row, sums += DMS_INT8_OUTPUTS) {
        const int16_t *packed = block->codes;
        const int8_t *x = rows->codes + row * rows->stride;
        for (size_t g = 0; g < block->groups; ++g, x += block->group) {
            int32_t products[DMS_INT8_OUTPUTS], start = -block->offset * rows->sums[row * rows->group_stride + g];
            for (size_t n = 0; n < DMS_INT8_OUTPUTS; ++n) products[n] = start;
            for (size_t k = 0; k < block->group; k += 2, packed += 2 * DMS_INT8_OUTPUTS) {
                int32_t first = x[k], second = x[k + 1];
                for (size_t n = 0; n < DMS_INT8_OUTPUTS; ++n) {
                    products[n] += packed[2 * n] * first + packed[2 * n + 1] * second;
                }
            }
            const float *scales = block->scales + g * DMS_INT8_OUTPUTS;
            float scale = rows->scales[row * rows->group_stride + g];
            for (size_t n = 0; n < DMS_INT8_OUTPUTS; ++n) sums[n] += (float)products[n] * (scale * scales[n]);
        }
    }
}

#define DMS_INT8_KERNELS {.element_size = 2, .quantize = quantize, .pack = pack, .multiply = multiply}
