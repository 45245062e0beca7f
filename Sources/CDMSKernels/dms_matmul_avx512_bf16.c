// Matrix products with AVX-512 and its BF16 dot product, which multiplies 32 pairs and adds them into 16 sums.

#include "dms_internal.h"

#if DMS_X86

#include "dms_simd_avx512.h"

// From here on everything may use the dot product.
#undef DMS_FN
#undef DMS_TARGET
#define DMS_FN static inline __attribute__((always_inline)) DMS_TARGET_AVX512_BF16
#define DMS_TARGET DMS_TARGET_AVX512_BF16

// 28 of the 32 registers are sums.
enum { MATMUL_ROWS = 14, MATMUL_VECTORS = 2 };

#define MATMUL_PAIRS

// Lane by lane, rounded: `first` in the low half of a word, `second` in the high one.
DMS_FN vf pack_pairs(vf first, vf second) {
    __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first));
    __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second));
    return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

DMS_FN vf dot_pairs(vf a, vf b, vf sum) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }

#include "dms_matmul_body.h"

const dms_matmul_kernels dms_matmul_avx512_bf16 = MATMUL_KERNELS;

#endif
