// Matrix products with AVX2.

#include "dms_internal.h"

#if DMS_X86

#include "dms_simd_avx2.h"

// 12 of the 16 registers are sums; a vector pair of columns and one broadcast row fill the others.
enum { MATMUL_ROWS = 6, MATMUL_VECTORS = 2 };

#include "dms_matmul_body.h"

const dms_matmul_kernels dms_matmul_avx2 = MATMUL_KERNELS;

#endif
