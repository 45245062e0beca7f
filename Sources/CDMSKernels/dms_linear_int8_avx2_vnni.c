// 8-bit products with AVX-VNNI, the products of VNNI without AVX-512.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_simd_avx2.h"

// From here on everything may use the dot product.
#undef DMS_FN
#undef DMS_TARGET
#define DMS_TARGET DMS_TARGET_AVX2_VNNI
#define DMS_FN static inline __attribute__((always_inline)) DMS_TARGET

#include "dms_linear_int8_inputs.h"

DMS_FN __m256i dms_add_bytes(__m256i sums, __m256i codes, __m256i inputs) {
    return _mm256_dpbusd_avx_epi32(sums, codes, inputs);
}

DMS_FN __m256i dms_add_nibbles(__m256i sums, __m256i codes, __m256i inputs, __m256i later) {
    const __m256i mask = _mm256_set1_epi8(15);
    __m256i low = _mm256_and_si256(codes, mask), high = _mm256_and_si256(_mm256_srli_epi16(codes, 4), mask);
    return _mm256_dpbusd_avx_epi32(_mm256_dpbusd_avx_epi32(sums, low, inputs), high, later);
}

#define DMS_INT8_TAKES_OFFSET 0
#include "dms_linear_int8_256_body.h"

const dms_panels_kernels dms_int8_kernels_avx2_vnni = {DMS_INT8_PANELS, .prepare = quantize, .multiply = multiply};

#endif
