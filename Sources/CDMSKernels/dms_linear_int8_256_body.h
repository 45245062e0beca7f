// 8-bit products with vectors of 256 bits. The including file defines, with its target in DMS_TARGET and DMS_FN,
//
//   dms_add_bytes(sums, codes, inputs)                  adds to eight outputs' sums the products of four codes each
//   dms_add_nibbles(sums, codes, inputs, later)         the same of eight codes: the low ones, then the high ones
//   DMS_INT8_TAKES_OFFSET                               whether dms_add_bytes takes the codes' offset off

enum {
    // Half a panel at a time: eight of the sixteen registers are sums.
    DMS_PANELS_ROWS = 4,
    DMS_INT8_HALF = DMS_PANELS_OUTPUTS / 2,
    DMS_INT8_VECTORS = DMS_INT8_HALF / VF_LANES,
    DMS_INT8_VECTOR_BYTES = VF_LANES * DMS_INT8_STEP,
};

// Four inputs of a row, for every output.
DMS_FN __m256i broadcast_inputs(const int8_t *x) {
    int32_t word;
    memcpy(&word, x, sizeof word);
    return _mm256_set1_epi32(word);
}

DMS_FN void add_step(const int bits, const size_t count, const uint8_t *packed, const int8_t *x, size_t stride,
                     __m256i (*products)[DMS_INT8_VECTORS]) {
    for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
        __m256i codes = _mm256_loadu_si256((const __m256i *)(packed + v * DMS_INT8_VECTOR_BYTES));
        for (size_t m = 0; m < count; ++m) {
            __m256i inputs = broadcast_inputs(x + m * stride);
            if (bits == 8) {
                products[m][v] = dms_add_bytes(products[m][v], codes, inputs);
            } else {
                __m256i later = broadcast_inputs(x + m * stride + DMS_INT8_STEP);
                products[m][v] = dms_add_nibbles(products[m][v], codes, inputs, later);
            }
        }
    }
}

// Half a panel's outputs of one group. `at` is the group of the first row in what rows have for each group.
DMS_FN void add_group(const int bits, const size_t count, const size_t half, const dms_panels_rows *rows, size_t at,
                      size_t group, const uint8_t *packed, const int8_t *x, float *sums) {
    const size_t step = DMS_INT8_STEP * (8 / (size_t)bits);
    const uint16_t *scales = (const uint16_t *)packed + half * DMS_INT8_HALF;
    __m256i products[DMS_PANELS_ROWS][DMS_INT8_VECTORS];
    for (size_t m = 0; m < count; ++m) {
        int32_t offset = bits == 8 && DMS_INT8_TAKES_OFFSET ? 0 : dms_int8_offset(bits);
        int32_t start = -offset * rows->sums[at + m * rows->group_stride];
        for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) products[m][v] = _mm256_set1_epi32(start);
    }
    packed += DMS_INT8_SCALE_BYTES + half * DMS_INT8_STEP_BYTES / 2;
    for (size_t k = 0; k < group; k += step, packed += DMS_INT8_STEP_BYTES) {
        add_step(bits, count, packed, x + k, rows->stride, products);
    }
    for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
        vf weight_scales = vf_load_bf16(scales + v * VF_LANES);
        for (size_t m = 0; m < count; ++m) {
            float *sum = sums + m * DMS_PANELS_OUTPUTS + half * DMS_INT8_HALF + v * VF_LANES;
            vf both = vf_mul(vf_set1(rows->scales[at + m * rows->group_stride]), weight_scales);
            vf_store(sum, vf_add(vf_load(sum), vf_mul(_mm256_cvtepi32_ps(products[m][v]), both)));
        }
    }
}

// `count` rows, a constant after inlining, from `first` on.
DMS_FN void multiply_rows(const int bits, const size_t count, const dms_panels_block *block,
                          const dms_panels_rows *rows, size_t first, float *sums) {
    const size_t group_bytes = dms_int8_group_bytes(bits, block->group);
    // This tile's part of what comes next, and how much of it a group asks for.
    size_t next = block->next_bytes * first / rows->count;
    const size_t end = block->next_bytes * (first + count) / rows->count;
    const size_t share = dms_ceiling_divide(end - next, block->count);
    for (size_t g = 0; g < block->count; ++g) {
        const size_t until = DMS_MIN(next + share, end);
        const uint8_t *packed = block->groups + g * group_bytes;
        const int8_t *x = (const int8_t *)rows->inputs + first * rows->stride + g * block->group;
        const size_t at = first * rows->group_stride + g;
        for (; next < until; next += DMS_CACHE_LINE) __builtin_prefetch(block->next + next, 0, 2);
        add_group(bits, count, 0, rows, at, block->group, packed, x, sums + first * DMS_PANELS_OUTPUTS);
        add_group(bits, count, 1, rows, at, block->group, packed, x, sums + first * DMS_PANELS_OUTPUTS);
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
