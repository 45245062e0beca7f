// 8-bit products with AVX2.

#include "dms_internal.h"

#if defined(DMS_X86)

#define DMS_TARGET DMS_TARGET_AVX2

#include "dms_linear_int8_body.h"

const dms_int8_kernels dms_int8_kernels_avx2 = DMS_INT8_KERNELS;

#endif
