#include "dms_internal.h"

#if DMS_X86

#include "dms_rows.h"
#include "dms_simd_avx512.h"

#include "dms_rows_body.h"

const dms_row_kernels dms_row_kernels_avx512 = ROW_KERNELS;

#endif
