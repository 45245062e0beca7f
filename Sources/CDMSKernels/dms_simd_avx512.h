// Vectors of sixteen floats with AVX-512; see dms_simd.h.
#ifndef DMS_SIMD_AVX512_H
#define DMS_SIMD_AVX512_H

#include "dms_elements.h"

#include <immintrin.h>

#define DMS_TARGET DMS_TARGET_AVX512
#define DMS_FN static inline __attribute__((always_inline)) DMS_TARGET_AVX512
#define VF_LANES 16
#define DMS_GEMM_VECTORS 4

typedef __m512 vf;

DMS_FN vf vf_set1(float x) { return _mm512_set1_ps(x); }
DMS_FN vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
DMS_FN void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
DMS_FN __mmask16 vf_lanes_below(size_t n) { return (__mmask16)((1u << n) - 1u); }
DMS_FN vf vf_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps(vf_lanes_below(n), p); }
DMS_FN void vf_store_n(float *p, vf v, size_t n) { _mm512_mask_storeu_ps(p, vf_lanes_below(n), v); }
DMS_FN vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
DMS_FN vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
DMS_FN vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
DMS_FN vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
DMS_FN vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
DMS_FN vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
DMS_FN vf vf_sqrt(vf x) { return _mm512_sqrt_ps(x); }
DMS_FN vf vf_round(vf x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
DMS_FN vf vf_scale2(vf x, vf n) { return _mm512_scalef_ps(x, n); }
DMS_FN vf vf_zero_below(vf x, float bound, vf v) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(bound), _CMP_NLT_UQ), v);
}
DMS_FN vf vf_where_seen(const int32_t *first, const int32_t *last, int32_t position, vf seen, vf unseen) {
    __m512i p = _mm512_set1_epi32(position);
    __mmask16 mask = _mm512_cmple_epi32_mask(_mm512_loadu_si512(first), p);
    return _mm512_mask_mov_ps(unseen, _mm512_mask_cmple_epi32_mask(mask, p, _mm512_loadu_si512(last)), seen);
}
DMS_FN __m256 vf_high_half(vf v) { return _mm512_extractf32x8_ps(v, 1); }
DMS_FN float vf_sum(vf v) {
    __m256 y = _mm256_add_ps(_mm512_castps512_ps256(v), vf_high_half(v));
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
DMS_FN float vf_maximum(vf v) {
    __m256 y = _mm256_max_ps(_mm512_castps512_ps256(v), vf_high_half(v));
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
DMS_FN vf vf_load_bf16(const uint16_t *p) {
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
DMS_FN vf vf_load_half(const void *p, const size_t odd) {
    __m512i words = _mm512_loadu_si512(p), high = _mm512_set1_epi32((int)0xffff0000u);
    return _mm512_castsi512_ps(odd ? _mm512_and_si512(words, high) : _mm512_slli_epi32(words, 16));
}
DMS_FN vf vf_load_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
DMS_FN vf vf_load_fp8(const uint8_t *p) {
    __m256i code = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
    __m256i magnitude = _mm256_and_si256(code, _mm256_set1_epi16(0x7f));
    __m256i sign = _mm256_slli_epi16(_mm256_andnot_si256(_mm256_set1_epi16(0x7f), code), 8);
    __m256i half = _mm256_or_si256(sign, _mm256_slli_epi16(magnitude, 7));
    // An all-ones code becomes a half-precision NaN; others are 2^8 too small, as the biases are 7 and 15.
    __mmask16 nan = _mm256_cmpeq_epi16_mask(magnitude, _mm256_set1_epi16(0x7f));
    half = _mm256_mask_mov_epi16(half, nan, _mm256_or_si256(half, _mm256_set1_epi16(0x7e00)));
    return _mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256.0f));
}
DMS_FN vf vf_load_int8(const int8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
DMS_FN void vf_transpose(vf *t) {
    vf a[16], b[16];
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_ps(t[i], t[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(t[i], t[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        b[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
        a[i] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0x88);
        a[i + 4] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0xdd);
        a[i + 8] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0x88);
        a[i + 12] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; ++i) {
        t[i] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
        t[i + 8] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0xdd);
    }
}

// Eight-byte lanes, for sums that must not lose anything.
typedef struct {
    __m512d low, high;
} vd;
DMS_FN vd vd_zero(void) { return (vd){_mm512_setzero_pd(), _mm512_setzero_pd()}; }
DMS_FN vd vd_add(vd sum, vf v) {
    return (vd){_mm512_add_pd(sum.low, _mm512_cvtps_pd(_mm512_castps512_ps256(v))),
                _mm512_add_pd(sum.high, _mm512_cvtps_pd(vf_high_half(v)))};
}
DMS_FN vd vd_add_product(vd sum, vf a, vf b) {
    __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(a)), high = _mm512_cvtps_pd(vf_high_half(a));
    return (vd){_mm512_fmadd_pd(low, _mm512_cvtps_pd(_mm512_castps512_ps256(b)), sum.low),
                _mm512_fmadd_pd(high, _mm512_cvtps_pd(vf_high_half(b)), sum.high)};
}
DMS_FN double vd_sum(vd v) { return _mm512_reduce_add_pd(_mm512_add_pd(v.low, v.high)); }

#include "dms_simd.h"

#endif
