// BF16 panels in plain C.

#include "dms_simd_portable.h"

enum { DMS_PANELS_ROWS = 2, DMS_PANELS_VECTORS = 2 };

#include "dms_panels_body.h"

const dms_panels_kernels dms_panels_fp32_portable = DMS_PANELS_FP32;
const dms_panels_kernels dms_panels_bf16_portable = DMS_PANELS_ROUNDED;
