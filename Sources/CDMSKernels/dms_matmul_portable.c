// Matrix products in plain C.

#include "dms_simd_portable.h"

enum { MATMUL_ROWS = 4, MATMUL_VECTORS = 2 };

#include "dms_matmul_body.h"

const dms_matmul_kernels dms_matmul_portable = MATMUL_KERNELS;
