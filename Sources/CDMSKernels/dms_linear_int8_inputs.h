// Inputs of 8-bit products, rounded in plain C. The including file defines DMS_TARGET.

#include "dms_elements.h"
#include "dms_linear_int8.h"

#include <math.h>

DMS_TARGET static void quantize(const float *x, size_t inputs, size_t group, void *prepared, float *scales,
                                int32_t *sums) {
    int8_t *codes = prepared;
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
