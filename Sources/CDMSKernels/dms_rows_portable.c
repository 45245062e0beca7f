#include "dms_rows.h"
#include "dms_simd_portable.h"

#include "dms_rows_body.h"

const dms_row_kernels dms_row_kernels_portable = ROW_KERNELS;
