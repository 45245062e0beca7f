#include "dms_internal.h"

#if DMS_ARM

#include "dms_rows.h"
#include "dms_simd_neon.h"

#include "dms_rows_body.h"

const dms_row_kernels dms_row_kernels_neon = ROW_KERNELS;

#endif
