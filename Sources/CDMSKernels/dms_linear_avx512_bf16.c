// Linear layers with AVX-512 and its BF16 dot product, which multiplies 32 pairs and adds them into 16 sums.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_linear_avx512.h"

// From here on everything may use the dot product.
#undef DMS_FN
#undef DMS_TARGET
#define DMS_FN static inline __attribute__((always_inline)) DMS_TARGET_AVX512_BF16
#define DMS_TARGET DMS_TARGET_AVX512_BF16

#define DMS_LOAD_PAIRS_N(p, n) _mm512_castsi512_ps(_mm512_maskz_loadu_epi16((__mmask32)((1u << (n)) - 1u), p))
#define DMS_DOT_PAIRS(a, b, sum) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))

#include "dms_linear_body.h"

// In FP32 with rounded inputs: a dot product of pairs would have to round the weights too.
#include "dms_linear_grouped_body.h"

DMS_TARGET static void dms_panel_pairs(const dms_panel *panel) { dms_panel_products(panel, DMS_PRODUCT_PAIRS); }

DMS_TARGET void dms_prepare_pairs(const float *x, size_t count, size_t padded, void *prepared) {
    uint16_t *out = prepared;
    for (size_t k = 0; k < padded; k += VF_LANES) {
        size_t n = k < count ? DMS_MIN(count - k, (size_t)VF_LANES) : 0;
        __m512 v = _mm512_maskz_loadu_ps(vf_lanes_below(n), x + DMS_MIN(k, count));
        _mm256_mask_storeu_epi16(out + k, (__mmask16)((1u << DMS_MIN(padded - k, (size_t)VF_LANES)) - 1u),
                                 (__m256i)_mm512_cvtneps_pbh(v));
    }
}

const dms_linear_kernels dms_linear_avx512_bf16 = {
    .fp32 = DMS_FP32_PATH,
    .bf16 = {.element_size = 2,
             .lanes = 2 * VF_LANES,
             .block = DMS_BLOCK_BYTES / 2,
             .gap = DMS_CACHE_LINE / 2,
             DMS_TILE_SHAPES,
             .prepare = dms_prepare_pairs,
             .panel = {NULL, dms_panel_pairs, NULL}},
    .grouped = dms_grouped_paths,
};

#endif
