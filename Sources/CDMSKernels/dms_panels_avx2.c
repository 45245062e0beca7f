// BF16 panels with AVX2 and FMA.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_simd_avx2.h"

// 12 of the 16 registers are sums; two vectors of weights and a row fill most of the others.
enum { DMS_PANELS_ROWS = 6, DMS_PANELS_VECTORS = 2 };

#include "dms_panels_body.h"

const dms_panels_kernels dms_panels_fp32_avx2 = DMS_PANELS_FP32;
const dms_panels_kernels dms_panels_bf16_avx2 = DMS_PANELS_ROUNDED;

#endif
