// What the two AVX-512 versions share: a tile of 4 x 6 accumulators, reduced and stored six outputs at a time.
#ifndef DMS_LINEAR_AVX512_H
#define DMS_LINEAR_AVX512_H

#include "dms_linear.h"
#include "dms_simd_avx512.h"

// 24 of the 32 registers are accumulators; four rows and one weight vector are in flight beside them. Few rows take one
// output at a time: weights are then read exactly as they lie in memory, a quarter faster than two outputs at once.
enum {
    DMS_TILE_ROWS = 4,
    DMS_TILE_OUTPUTS = 6,
    DMS_FEW_ROWS = 4,
    DMS_FEW_OUTPUTS = 1,
    DMS_FEW_LIMIT = 4,
    DMS_BLOCK_BYTES = 4096,
};

// Lanes 0+2 and 1+3 of each quarter of a, interleaved with those of b.
DMS_FN __m512 dms_add_halves(__m512 a, __m512 b) {
    return _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
}

DMS_FN __m512 dms_add_pairs(__m512 a, __m512 b) {
    __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)), _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
}

DMS_FN void dms_finish_row(const size_t outputs, const dms_panel *panel, float *y, const vf *sums) {
    __m512 first = dms_add_halves(sums[0], sums[1]), second = dms_add_halves(sums[2], sums[3]);
    __m512 third = dms_add_halves(sums[4], sums[5]);
    // Each quarter of `four` holds its part of outputs 0...3, each quarter of `two` of outputs 4 and 5.
    __m512 four = dms_add_pairs(first, second), two = dms_add_pairs(third, third);
    __m512 halves = _mm512_add_ps(_mm512_shuffle_f32x4(four, two, 0x44), _mm512_shuffle_f32x4(four, two, 0xee));
    __m512 order = _mm512_shuffle_f32x4(halves, halves, 0xd8);
    __m256 total = _mm256_add_ps(_mm512_castps512_ps256(order), _mm512_extractf32x8_ps(order, 1));
    __mmask8 mask = (__mmask8)((1u << panel->width) - 1u);
    if (panel->adds) total = _mm256_add_ps(_mm256_maskz_loadu_ps(mask, y), total);
    if (panel->bias) total = _mm256_add_ps(total, _mm256_maskz_loadu_ps(mask, panel->bias));
    _mm256_mask_storeu_ps(y, mask, total);
}

// For 8 bits the scale, and the offset of codes times it: a weight is one multiply-add. For 4 bits all sixteen weights.
typedef struct dms_factor {
    vf first, second;
} dms_factor;

DMS_FN dms_factor dms_group_factor(const int bits, float scale) {
    if (bits == 8) return (dms_factor){vf_set1(scale), vf_set1(scale * -128.0f)};
    vf values = _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
    vf weights = vf_mul(values, vf_set1(scale));
    return (dms_factor){weights, weights};
}

// Sixteen words of two codes each, in the low bits.
typedef __m512i dms_codes;

DMS_FN dms_codes dms_load_codes(const int bits, const char *p) {
    if (bits == 8) return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    __m512i words = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)p));
    __m512i order = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    __m512i shifts = _mm512_setr_epi32(0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24);
    return _mm512_srlv_epi32(_mm512_permutexvar_epi32(order, words), shifts);
}

DMS_FN vf dms_widen_codes(const int bits, dms_codes codes, const size_t step, dms_factor factor) {
    __m512i code = _mm512_srli_epi32(codes, (unsigned)step * (unsigned)bits);
    // The table looks at four bits only.
    if (bits == 4) return _mm512_permutexvar_ps(code, factor.first);
    return vf_fma(_mm512_cvtepi32_ps(_mm512_and_si512(code, _mm512_set1_epi32(0xff))), factor.first, factor.second);
}

enum { DMS_GROUPED_OUTPUTS = DMS_TILE_OUTPUTS };

#endif
