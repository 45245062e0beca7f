// BF16 panels with AVX-512.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_simd_avx512.h"

// 24 of the 32 registers are sums.
enum { DMS_PANELS_ROWS = 12, DMS_PANELS_VECTORS = 2 };

#include "dms_panels_body.h"

const dms_panels_kernels dms_panels_fp32_avx512 = DMS_PANELS_FP32;
const dms_panels_kernels dms_panels_bf16_avx512 = DMS_PANELS_ROUNDED;

#endif
