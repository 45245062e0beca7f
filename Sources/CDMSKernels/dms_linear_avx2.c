// Linear layers with AVX2 and FMA.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_linear.h"
#include "dms_simd_avx2.h"

// 12 of the 16 registers are accumulators; three rows and one weight vector fill the others.
enum { DMS_TILE_ROWS = 3, DMS_TILE_OUTPUTS = 4, DMS_FEW_ROWS = 4, DMS_FEW_OUTPUTS = 2 };

DMS_FN void dms_finish_row(const dms_panel *panel, float *y, const float *bias, const vf *sums) {
    __m256 low = _mm256_hadd_ps(sums[0], sums[1]), high = _mm256_hadd_ps(sums[2], sums[3]);
    __m256 quads = _mm256_hadd_ps(low, high);
    __m128 total = _mm_add_ps(_mm256_castps256_ps128(quads), _mm256_extractf128_ps(quads, 1));
    __m128i mask = _mm_cmpgt_epi32(_mm_set1_epi32((int)panel->width), _mm_setr_epi32(0, 1, 2, 3));
    if (panel->adds) total = _mm_add_ps(_mm_maskload_ps(y, mask), total);
    if (bias) total = _mm_add_ps(total, _mm_maskload_ps(bias, mask));
    _mm_maskstore_ps(y, mask, total);
}

#include "dms_linear_body.h"

const dms_linear_kernels dms_linear_avx2 = {.fp32 = DMS_FP32_PATH, .bf16 = DMS_ROUNDED_PATH};

#endif
