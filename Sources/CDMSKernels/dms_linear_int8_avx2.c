// 8-bit products with AVX2, which multiplies unsigned and signed bytes to sums of two in 16 bits.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_simd_avx2.h"

#include "dms_linear_int8_inputs.h"

enum {
    // Half a panel at a time: eight of the sixteen registers are sums.
    DMS_INT8_ROWS = 4,
    DMS_INT8_HALF = DMS_INT8_OUTPUTS / 2,
    DMS_INT8_VECTORS = DMS_INT8_HALF / VF_LANES,
    DMS_INT8_VECTOR_BYTES = VF_LANES * DMS_INT8_STEP,
};

// Four inputs of a row, for every output.
DMS_FN __m256i broadcast_inputs(const int8_t *x) {
    int32_t word;
    memcpy(&word, x, sizeof word);
    return _mm256_set1_epi32(word);
}

// Sums of two products. Codes of 8 bits less their offset are signed: their magnitudes, and inputs that take their signs.
// A sum is at most 2 * 128 * 127 = 32,512, which 16 bits hold.
DMS_FN __m256i pairs_of_bytes(__m256i codes, __m256i inputs) {
    __m256i weights = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
    return _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(inputs, weights));
}

// Sums of two products of the low codes and two of the high ones: at most 4 * 15 * 127.
DMS_FN __m256i pairs_of_nibbles(__m256i codes, __m256i low_inputs, __m256i high_inputs) {
    const __m256i mask = _mm256_set1_epi8(15);
    __m256i low = _mm256_and_si256(codes, mask), high = _mm256_and_si256(_mm256_srli_epi16(codes, 4), mask);
    return _mm256_add_epi16(_mm256_maddubs_epi16(low, low_inputs), _mm256_maddubs_epi16(high, high_inputs));
}

DMS_FN void add_step(const int bits, const size_t count, const uint8_t *packed, const int8_t *x, size_t stride,
                     __m256i (*products)[DMS_INT8_VECTORS]) {
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
        __m256i codes = _mm256_loadu_si256((const __m256i *)(packed + v * DMS_INT8_VECTOR_BYTES));
        for (size_t m = 0; m < count; ++m) {
            const int8_t *inputs = x + m * stride;
            __m256i pairs = bits == 8 ? pairs_of_bytes(codes, broadcast_inputs(inputs))
                                      : pairs_of_nibbles(codes, broadcast_inputs(inputs),
                                                         broadcast_inputs(inputs + DMS_INT8_STEP));
            products[m][v] = _mm256_add_epi32(products[m][v], _mm256_madd_epi16(pairs, ones));
        }
    }
}

// Half a panel's outputs of one group. `at` is the group of the first row in what rows have for each group.
DMS_FN void add_group(const int bits, const size_t count, const size_t half, const dms_int8_rows *rows, size_t at,
                      size_t group, const uint8_t *packed, const int8_t *x, float *sums) {
    const size_t step = DMS_INT8_STEP * (8 / (size_t)bits);
    const uint16_t *scales = (const uint16_t *)packed + half * DMS_INT8_HALF;
    __m256i products[DMS_INT8_ROWS][DMS_INT8_VECTORS];
    for (size_t m = 0; m < count; ++m) {
        int32_t start = bits == 8 ? 0 : -dms_int8_offset(4) * rows->sums[at + m * rows->group_stride];
        for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) products[m][v] = _mm256_set1_epi32(start);
    }
    packed += DMS_INT8_SCALE_BYTES + half * DMS_INT8_STEP_BYTES / 2;
    for (size_t k = 0; k < group; k += step, packed += DMS_INT8_STEP_BYTES) {
        add_step(bits, count, packed, x + k, rows->stride, products);
    }
    for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
        vf weight_scales = vf_load_bf16(scales + v * VF_LANES);
        for (size_t m = 0; m < count; ++m) {
            float *sum = sums + m * DMS_INT8_OUTPUTS + half * DMS_INT8_HALF + v * VF_LANES;
            vf both = vf_mul(vf_set1(rows->scales[at + m * rows->group_stride]), weight_scales);
            vf_store(sum, vf_add(vf_load(sum), vf_mul(_mm256_cvtepi32_ps(products[m][v]), both)));
        }
    }
}

// `count` rows, a constant after inlining, from `first` on.
DMS_FN void multiply_rows(const int bits, const size_t count, const dms_int8_block *block, const dms_int8_rows *rows,
                          size_t first, float *sums) {
    const size_t group_bytes = dms_int8_group_bytes(bits, block->group);
    // This tile's part of what comes next, and how much of it a group asks for.
    size_t next = block->next_bytes * first / rows->count;
    const size_t end = block->next_bytes * (first + count) / rows->count;
    const size_t share = dms_ceiling_divide(end - next, block->count);
    for (size_t g = 0; g < block->count; ++g) {
        const size_t until = DMS_MIN(next + share, end);
        const uint8_t *packed = block->groups + g * group_bytes;
        const int8_t *x = rows->codes + first * rows->stride + g * block->group;
        const size_t at = first * rows->group_stride + g;
        for (; next < until; next += DMS_CACHE_LINE) __builtin_prefetch(block->next + next, 0, 2);
        add_group(bits, count, 0, rows, at, block->group, packed, x, sums + first * DMS_INT8_OUTPUTS);
        add_group(bits, count, 1, rows, at, block->group, packed, x, sums + first * DMS_INT8_OUTPUTS);
    }
}

DMS_FN void multiply_all(const int bits, const dms_int8_block *block, const dms_int8_rows *rows, float *sums) {
    size_t row = 0;
    for (; row + DMS_INT8_ROWS <= rows->count; row += DMS_INT8_ROWS) {
        multiply_rows(bits, DMS_INT8_ROWS, block, rows, row, sums);
    }
    switch (rows->count - row) {
    case 1: multiply_rows(bits, 1, block, rows, row, sums); break;
    case 2: multiply_rows(bits, 2, block, rows, row, sums); break;
    case 3: multiply_rows(bits, 3, block, rows, row, sums); break;
    default: break;
    }
}

DMS_TARGET static void multiply(const dms_int8_block *block, const dms_int8_rows *rows, float *sums) {
    if (block->bits == 8) {
        multiply_all(8, block, rows, sums);
    } else {
        multiply_all(4, block, rows, sums);
    }
}

const dms_int8_kernels dms_int8_kernels_avx2 = {.quantize = quantize, .multiply = multiply};

#endif
