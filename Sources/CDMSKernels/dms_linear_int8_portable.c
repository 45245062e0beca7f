// 8-bit products in plain C: the twin of the others.

#define DMS_TARGET

#include "dms_linear_int8_body.h"

const dms_int8_kernels dms_int8_kernels_portable = DMS_INT8_KERNELS;
#if defined(DMS_ARM)
const dms_int8_kernels dms_int8_kernels_neon = DMS_INT8_KERNELS;
#endif
