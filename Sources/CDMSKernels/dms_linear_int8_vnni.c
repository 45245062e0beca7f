// 8-bit products with AVX-512 VNNI, which multiplies four unsigned and four signed bytes and adds them to a 32-bit sum.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_linear_int8.h"
#include "dms_simd_avx512.h"

#include <math.h>

// From here on everything may use the dot product.
#undef DMS_FN
#undef DMS_TARGET
#define DMS_TARGET DMS_TARGET_AVX512_VNNI
#define DMS_FN static inline __attribute__((always_inline)) DMS_TARGET

enum {
    // 24 of the 32 registers are sums: twelve of integers, twelve of floats.
    DMS_PANELS_ROWS = 6,
    DMS_INT8_VECTORS = DMS_PANELS_OUTPUTS / VF_LANES,
};

// MARK: Inputs

DMS_TARGET static void quantize(const float *x, size_t inputs, size_t group, void *prepared, float *scales,
                                int32_t *sums) {
    int8_t *codes = prepared;
    const __m512i magnitudes = _mm512_set1_epi32(0x7fffffff);
    for (size_t g = 0; g < inputs / group; ++g, x += group, codes += group) {
        __m512i largest = _mm512_setzero_si512();
        for (size_t k = 0; k < group; k += VF_LANES) {
            largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_loadu_si512(x + k), magnitudes));
        }
        uint32_t bits = _mm512_reduce_max_epu32(largest);
        if (bits < DMS_INT8_TINY || bits >= DMS_INT8_INFINITE) {
            scales[g] = bits < DMS_INT8_TINY ? 0.0f : NAN;
            sums[g] = 0;
            memset(codes, 0, group);
            continue;
        }
        vf inverse = vf_set1(127.0f / dms_float(bits));
        scales[g] = dms_float(bits) / 127.0f;
        __m512i sum = _mm512_setzero_si512();
        for (size_t k = 0; k < group; k += VF_LANES) {
            __m512i code = _mm512_cvtps_epi32(vf_mul(vf_load(x + k), inverse));
            sum = _mm512_add_epi32(sum, code);
            _mm_storeu_si128((__m128i *)(codes + k), _mm512_cvtepi32_epi8(code));
        }
        sums[g] = _mm512_reduce_add_epi32(sum);
    }
}

// MARK: Products

// Four inputs of a row, in every lane.
DMS_FN __m512i broadcast_inputs(const int8_t *x) {
    int32_t word;
    memcpy(&word, x, sizeof word);
    return _mm512_set1_epi32(word);
}

DMS_FN void multiply_step(const size_t count, const __m512i *codes, const int8_t *x, size_t stride,
                          __m512i (*products)[DMS_INT8_VECTORS]) {
    for (size_t m = 0; m < count; ++m) {
        __m512i inputs = broadcast_inputs(x + m * stride);
        for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
            products[m][v] = _mm512_dpbusd_epi32(products[m][v], codes[v], inputs);
        }
    }
}

// DMS_INT8_GROUP_MIN inputs of `count` rows, from which `packed` is behind afterwards. An only tile fetches as it goes.
DMS_FN const uint8_t *multiply_unit(const int bits, const size_t count, const int alone, const uint8_t *packed,
                                    const int8_t *x, size_t stride, __m512i (*products)[DMS_INT8_VECTORS]) {
    const __m512i low = _mm512_set1_epi8(15);
    const size_t steps = 8 / (size_t)bits;  // of the codes of one load
#pragma clang loop unroll(full)
    for (size_t k = 0; k < DMS_INT8_GROUP_MIN; k += steps * DMS_INT8_STEP, packed += DMS_INT8_STEP_BYTES) {
        __m512i codes[DMS_INT8_VECTORS], second[DMS_INT8_VECTORS];
        for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
            codes[v] = _mm512_loadu_si512(packed + v * DMS_CACHE_LINE);
            if (alone) __builtin_prefetch(packed + v * DMS_CACHE_LINE + DMS_PANELS_AHEAD, 0, 3);
            if (bits == 8) continue;
            second[v] = _mm512_and_si512(_mm512_srli_epi16(codes[v], 4), low);
            codes[v] = _mm512_and_si512(codes[v], low);
        }
        multiply_step(count, codes, x + k, stride, products);
        if (bits == 4) multiply_step(count, second, x + k + DMS_INT8_STEP, stride, products);
    }
    return packed;
}

// `count` rows, a constant after inlining, from `first` on.
DMS_FN void multiply_rows(const int bits, const size_t count, const dms_panels_block *block,
                          const dms_panels_rows *rows, size_t first, float *sums) {
    // This tile's part of what comes next, and how much of it a unit of inputs asks for.
    size_t next = block->next_bytes * first / rows->count;
    const size_t end = block->next_bytes * (first + count) / rows->count;
    const size_t share = dms_ceiling_divide(end - next, block->count * block->group / DMS_INT8_GROUP_MIN);
    const int alone = count == rows->count;
    const uint8_t *packed = block->groups;
    const int8_t *x = (const int8_t *)rows->inputs + first * rows->stride;
    vf totals[DMS_PANELS_ROWS][DMS_INT8_VECTORS];
    sums += first * DMS_PANELS_OUTPUTS;
    for (size_t m = 0; m < count; ++m) {
        for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
            totals[m][v] = vf_load(sums + m * DMS_PANELS_OUTPUTS + v * VF_LANES);
        }
    }
    for (size_t g = 0; g < block->count; ++g) {
        const size_t at = first * rows->group_stride + g;
        const uint8_t *scales = packed;
        __m512i products[DMS_PANELS_ROWS][DMS_INT8_VECTORS];
        for (size_t m = 0; m < count; ++m) {
            __m512i start = _mm512_set1_epi32(-dms_int8_offset(bits) * rows->sums[at + m * rows->group_stride]);
            for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) products[m][v] = start;
        }
        if (alone) __builtin_prefetch(packed + DMS_PANELS_AHEAD, 0, 3);
        packed += DMS_INT8_SCALE_BYTES;
        for (size_t k = 0; k < block->group; k += DMS_INT8_GROUP_MIN, x += DMS_INT8_GROUP_MIN) {
            const size_t until = alone ? next : DMS_MIN(next + share, end);
            for (; next < until; next += DMS_CACHE_LINE) __builtin_prefetch(block->next + next, 0, 3);
            packed = alone ? multiply_unit(bits, count, 1, packed, x, rows->stride, products)
                           : multiply_unit(bits, count, 0, packed, x, rows->stride, products);
        }
        for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
            vf weight_scales = vf_load_bf16((const uint16_t *)scales + v * VF_LANES);
            for (size_t m = 0; m < count; ++m) {
                vf both = vf_mul(vf_set1(rows->scales[at + m * rows->group_stride]), weight_scales);
                totals[m][v] = vf_add(totals[m][v], vf_mul(_mm512_cvtepi32_ps(products[m][v]), both));
            }
        }
    }
    for (size_t m = 0; m < count; ++m) {
        for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
            vf_store(sums + m * DMS_PANELS_OUTPUTS + v * VF_LANES, totals[m][v]);
        }
    }
}

#include "dms_panels_tiles.h"

DMS_TARGET static void multiply(const dms_panels_block *block, const dms_panels_rows *rows, float *sums) {
    if (block->bits == 8) {
        multiply_all(8, block, rows, sums);
    } else {
        multiply_all(4, block, rows, sums);
    }
}

const dms_panels_kernels dms_int8_kernels_vnni = {DMS_INT8_PANELS, .prepare = quantize, .multiply = multiply};

#endif
