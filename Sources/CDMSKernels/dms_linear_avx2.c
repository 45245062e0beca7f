// Linear layers with AVX2 and FMA.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_linear_sums.h"
#include "dms_simd_avx2.h"

// 12 of the 16 registers are accumulators; three weight vectors and one row fill the others. Blocks of 2 KiB: a tile's
// seven vectors of 4 KiB would fill the first-level cache, and rows that far apart share its sets.
enum {
    DMS_TILE_ROWS = 4,
    DMS_TILE_OUTPUTS = 3,
    DMS_FEW_ROWS = 4,
    DMS_FEW_OUTPUTS = 2,
    DMS_FEW_LIMIT = 8,
    DMS_BLOCK_BYTES = 2048,
};

// Masked loads and stores, which take dozens of cycles on some processors, are for the last outputs of a layer.
DMS_TARGET __attribute__((noinline)) static void dms_store_part(const dms_panel *panel, float *y, __m128 total) {
    float totals[4];
    _mm_storeu_ps(totals, total);
    dms_store_sums(panel, y, totals);
}

DMS_FN __m128 dms_load_outputs(const size_t outputs, const float *p) {
    if (outputs == 4) return _mm_loadu_ps(p);
    __m128 two = _mm_castpd_ps(_mm_load_sd((const double *)p));
    return outputs == 2 ? two : _mm_movelh_ps(two, _mm_load_ss(p + 2));
}

DMS_FN void dms_finish_row(const size_t outputs, const dms_panel *panel, float *y, const vf *sums) {
    __m256 first = _mm256_hadd_ps(sums[0], sums[1]);
    __m256 second = outputs == 2 ? first : _mm256_hadd_ps(sums[2], sums[outputs == 4 ? 3 : 2]);
    __m256 quads = _mm256_hadd_ps(first, second);
    __m128 total = _mm_add_ps(_mm256_castps256_ps128(quads), _mm256_extractf128_ps(quads, 1));
    if (__builtin_expect(panel->width != outputs, 0)) {
        dms_store_part(panel, y, total);
        return;
    }
    if (panel->adds) total = _mm_add_ps(dms_load_outputs(outputs, y), total);
    if (panel->bias) total = _mm_add_ps(total, dms_load_outputs(outputs, panel->bias));
    if (outputs == 4) {
        _mm_storeu_ps(y, total);
        return;
    }
    _mm_storel_pi((__m64 *)y, total);
    if (outputs > 2) _mm_store_ss(y + 2, _mm_movehl_ps(total, total));
}

DMS_FN vf dms_half_of_first(const char *p, size_t n, const size_t odd) {
    uint16_t elements[16] = {0};
    memcpy(elements, p, n * sizeof *elements);
    return vf_load_half(elements, odd);
}

#define DMS_LOAD_SPLIT(p, odd) vf_load_half(p, odd)
#define DMS_LOAD_SPLIT_N(p, n, odd) dms_half_of_first(p, n, odd)

#include "dms_linear_body.h"

// The scale, and the offset of codes times it: a weight is one multiply-add.
typedef struct dms_factor {
    vf scale, offset;
} dms_factor;

DMS_FN dms_factor dms_group_factor(const int bits, float scale) {
    return (dms_factor){vf_set1(scale), vf_set1(scale * (bits == 8 ? -128.0f : -8.0f))};
}

// Eight words of four codes each, in the low bits.
typedef __m256i dms_codes;

DMS_FN dms_codes dms_load_codes(const int bits, const char *p) {
    if (bits == 8) return _mm256_loadu_si256((const __m256i *)p);
    __m256i words = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p));
    __m256i twice = _mm256_permutevar8x32_epi32(words, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
    return _mm256_srlv_epi32(twice, _mm256_setr_epi32(0, 16, 0, 16, 0, 16, 0, 16));
}

DMS_FN vf dms_widen_codes(const int bits, dms_codes codes, const size_t step, dms_factor factor) {
    __m256i code = _mm256_and_si256(_mm256_srli_epi32(codes, (int)step * bits), _mm256_set1_epi32((1 << bits) - 1));
    return vf_fma(_mm256_cvtepi32_ps(code), factor.scale, factor.offset);
}

enum { DMS_GROUPED_OUTPUTS = 4 };

#include "dms_linear_grouped_body.h"

// To BF16 and back, as dms_f32_to_bf16 rounds.
DMS_FN __m256 dms_rounded(__m256 x) {
    __m256i bits = _mm256_castps_si256(x), low = _mm256_set1_epi32(0x7fff);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, low), odd);
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    __m256i kept = _mm256_blendv_epi8(up, quiet, nan);
    return _mm256_castsi256_ps(_mm256_and_si256(kept, _mm256_set1_epi32((int)0xffff0000u)));
}

// Of every 16 inputs the even ones, then the odd ones.
DMS_TARGET static void dms_prepare_split(const float *x, size_t count, size_t padded, void *prepared) {
    float *out = prepared;
    for (size_t k = 0; k < padded; k += 16) {
        size_t left = DMS_MIN(count - DMS_MIN(k, count), (size_t)16);
        vf first = vf_load_n(x + DMS_MIN(k, count), DMS_MIN(left, (size_t)8));
        vf second = left > 8 ? vf_load_n(x + k + 8, left - 8) : vf_set1(0.0f);
        vf even = _mm256_shuffle_ps(dms_rounded(first), dms_rounded(second), 0x88);
        vf odd = _mm256_shuffle_ps(dms_rounded(first), dms_rounded(second), 0xdd);
        vf_store(out + k, _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(even), 0xd8)));
        vf_store(out + k + 8, _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(odd), 0xd8)));
    }
}

DMS_TARGET static void dms_panel_split(const dms_panel *panel) { dms_panel_products(panel, DMS_PRODUCT_SPLIT); }

const dms_linear_kernels dms_linear_avx2 = {
    .fp32 = DMS_FP32_PATH,
    .bf16 = {.element_size = 4,
             .lanes = 2 * VF_LANES,
             .block = DMS_BLOCK_BYTES / 4,
             .gap = DMS_CACHE_LINE / 4,
             DMS_TILE_SHAPES,
             .prepare = dms_prepare_split,
             .panel = {NULL, dms_panel_split, NULL}},
    .grouped = dms_grouped_paths,
};

#endif
