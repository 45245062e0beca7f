// Matrix products with NEON.

#include "dms_internal.h"

#if DMS_ARM

#include "dms_simd_neon.h"

// 24 of the 32 registers are sums.
enum { MATMUL_ROWS = 8, MATMUL_VECTORS = 3 };

#include "dms_matmul_body.h"

const dms_matmul_kernels dms_matmul_neon = MATMUL_KERNELS;

#endif
