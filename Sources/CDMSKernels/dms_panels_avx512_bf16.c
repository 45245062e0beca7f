// BF16 panels with the BF16 dot product of AVX-512.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_simd_avx512.h"

// From here on everything may use the dot product.
#undef DMS_FN
#undef DMS_TARGET
#define DMS_FN static inline __attribute__((always_inline)) DMS_TARGET_AVX512_BF16
#define DMS_TARGET DMS_TARGET_AVX512_BF16

#define DMS_DOT_PAIRS(a, b, sum) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))

// 24 of the 32 registers are sums. A product takes six cycles, and two begin in each: twelve sums keep it busy.
enum { DMS_PANELS_ROWS = 12, DMS_PANELS_VECTORS = 2 };

#include "dms_panels_body.h"

DMS_TARGET static void multiply_pairs(const dms_panels_block *block, const dms_panels_rows *rows, float *sums) {
    multiply_all(1, block, rows, sums);
}

DMS_TARGET static void prepare_pairs(const float *x, size_t inputs, size_t group, void *prepared, float *scales,
                                     int32_t *sums) {
    dms_prepare_pairs(x, inputs, dms_round_up(inputs, group), prepared);
}

const dms_panels_kernels dms_panels_pairs_avx512_bf16 = {
    .element_size = 2, DMS_PANELS_OF_PAIRS, .prepare = prepare_pairs, .multiply = multiply_pairs};

#endif
