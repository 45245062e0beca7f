// BF16 panels with NEON.

#include "dms_internal.h"

#if defined(DMS_ARM)

#include "dms_simd_neon.h"

// 16 of the 32 registers are sums.
enum { DMS_PANELS_ROWS = 4, DMS_PANELS_VECTORS = 4 };

#include "dms_panels_body.h"

const dms_panels_kernels dms_panels_fp32_neon = DMS_PANELS_FP32;
const dms_panels_kernels dms_panels_bf16_neon = DMS_PANELS_ROUNDED;

#endif
