// Vectors of eight floats with AVX2, FMA and F16C; see dms_simd.h.
#ifndef DMS_SIMD_AVX2_H
#define DMS_SIMD_AVX2_H

#include "dms_elements.h"

#include <immintrin.h>

#define DMS_TARGET DMS_TARGET_AVX2
#define DMS_FN static inline __attribute__((always_inline)) DMS_TARGET_AVX2
#define VF_LANES 8
#define DMS_GEMM_VECTORS 2

typedef __m256 vf;

DMS_FN vf vf_set1(float x) { return _mm256_set1_ps(x); }
DMS_FN vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
DMS_FN void vf_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
DMS_FN __m256i vf_lanes_below(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
DMS_FN vf vf_load_n(const float *p, size_t n) { return _mm256_maskload_ps(p, vf_lanes_below(n)); }
DMS_FN void vf_store_n(float *p, vf v, size_t n) { _mm256_maskstore_ps(p, vf_lanes_below(n), v); }
DMS_FN vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
DMS_FN vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
DMS_FN vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
DMS_FN vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
DMS_FN vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
DMS_FN vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
DMS_FN vf vf_sqrt(vf x) { return _mm256_sqrt_ps(x); }
DMS_FN vf vf_round(vf x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
DMS_FN vf vf_scale2(vf x, vf n) {
    __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}
DMS_FN vf vf_zero_below(vf x, float bound, vf v) {
    return _mm256_andnot_ps(_mm256_cmp_ps(x, _mm256_set1_ps(bound), _CMP_LT_OQ), v);
}
DMS_FN vf vf_where_seen(const int32_t *first, const int32_t *last, int32_t position, vf seen, vf unseen) {
    __m256i p = _mm256_set1_epi32(position);
    __m256i early = _mm256_cmpgt_epi32(_mm256_loadu_si256((const __m256i *)first), p);
    __m256i late = _mm256_cmpgt_epi32(p, _mm256_loadu_si256((const __m256i *)last));
    return _mm256_blendv_ps(seen, unseen, _mm256_castsi256_ps(_mm256_or_si256(early, late)));
}
DMS_FN float vf_sum(vf v) {
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
DMS_FN float vf_maximum(vf v) {
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
DMS_FN vf vf_load_bf16(const uint16_t *p) {
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
DMS_FN vf vf_load_half(const void *p, const size_t odd) {
    __m256i words = _mm256_loadu_si256((const __m256i *)p), high = _mm256_set1_epi32((int)0xffff0000u);
    return _mm256_castsi256_ps(odd ? _mm256_and_si256(words, high) : _mm256_slli_epi32(words, 16));
}
DMS_FN vf vf_load_f16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
DMS_FN vf vf_load_fp8(const uint8_t *p) {
    __m128i code = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)p));
    __m128i magnitude = _mm_and_si128(code, _mm_set1_epi16(0x7f));
    __m128i sign = _mm_slli_epi16(_mm_andnot_si128(_mm_set1_epi16(0x7f), code), 8);
    __m128i half = _mm_or_si128(sign, _mm_slli_epi16(magnitude, 7));
    // An all-ones code becomes a half-precision NaN; others are 2^8 too small, as the biases are 7 and 15.
    half = _mm_or_si128(half, _mm_and_si128(_mm_cmpeq_epi16(magnitude, _mm_set1_epi16(0x7f)), _mm_set1_epi16(0x7e00)));
    return _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256.0f));
}
DMS_FN vf vf_load_int8(const int8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
DMS_FN void vf_transpose(vf *t) {
    vf a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_ps(t[i], t[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(t[i], t[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
        t[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

// Eight-byte lanes, for sums that must not lose anything.
typedef struct {
    __m256d low, high;
} vd;
DMS_FN vd vd_zero(void) { return (vd){_mm256_setzero_pd(), _mm256_setzero_pd()}; }
DMS_FN vd vd_add(vd sum, vf v) {
    return (vd){_mm256_add_pd(sum.low, _mm256_cvtps_pd(_mm256_castps256_ps128(v))),
                _mm256_add_pd(sum.high, _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)))};
}
DMS_FN vd vd_add_product(vd sum, vf a, vf b) {
    __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(a)), high = _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
    return (vd){_mm256_fmadd_pd(low, _mm256_cvtps_pd(_mm256_castps256_ps128(b)), sum.low),
                _mm256_fmadd_pd(high, _mm256_cvtps_pd(_mm256_extractf128_ps(b, 1)), sum.high)};
}
DMS_FN double vd_sum(vd v) {
    __m256d x = _mm256_add_pd(v.low, v.high);
    __m128d y = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
    return _mm_cvtsd_f64(_mm_add_sd(y, _mm_unpackhi_pd(y, y)));
}

#include "dms_simd.h"

#endif
