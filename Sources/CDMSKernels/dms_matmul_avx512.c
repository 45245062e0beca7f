// Matrix products with AVX-512.

#include "dms_internal.h"

#if DMS_X86

#include "dms_simd_avx512.h"

// 28 of the 32 registers are sums.
enum { MATMUL_ROWS = 14, MATMUL_VECTORS = 2 };

#include "dms_matmul_body.h"

const dms_matmul_kernels dms_matmul_avx512 = MATMUL_KERNELS;

#endif
