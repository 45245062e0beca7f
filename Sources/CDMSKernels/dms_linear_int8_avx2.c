// 8-bit products with AVX2, which multiplies unsigned and signed bytes to sums of two in 16 bits.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_simd_avx2.h"

#include "dms_linear_int8_inputs.h"

DMS_FN __m256i add_pairs(__m256i sums, __m256i pairs) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// Codes less their offset are signed: their magnitudes are multiplied, and inputs that take their signs. A sum of two
// products is at most 2 * 128 * 127 = 32,512, which 16 bits hold.
DMS_FN __m256i dms_add_bytes(__m256i sums, __m256i codes, __m256i inputs) {
    __m256i weights = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
    return add_pairs(sums, _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(inputs, weights)));
}

// Four products are at most 4 * 15 * 127.
DMS_FN __m256i dms_add_nibbles(__m256i sums, __m256i codes, __m256i inputs, __m256i later) {
    const __m256i mask = _mm256_set1_epi8(15);
    __m256i low = _mm256_and_si256(codes, mask), high = _mm256_and_si256(_mm256_srli_epi16(codes, 4), mask);
    return add_pairs(sums, _mm256_add_epi16(_mm256_maddubs_epi16(low, inputs), _mm256_maddubs_epi16(high, later)));
}

#define DMS_INT8_TAKES_OFFSET 1
#include "dms_linear_int8_256_body.h"

const dms_panels_kernels dms_int8_kernels_avx2 = {DMS_INT8_PANELS, .prepare = quantize, .multiply = multiply};

#endif
