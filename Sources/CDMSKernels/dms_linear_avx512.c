// Linear layers with AVX-512.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_linear_avx512.h"
#include "dms_linear_tiles.h"

#include "dms_linear_body.h"

#include "dms_linear_grouped_body.h"

const dms_linear_kernels dms_linear_avx512 = {
    .fp32 = DMS_FP32_PATH, .bf16 = DMS_ROUNDED_PATH, .grouped = dms_grouped_paths};

const dms_linear_kernels dms_linear_amx = {
    .fp32 = DMS_FP32_PATH,
    .bf16 = DMS_ROUNDED_PATH,
    .grouped = dms_grouped_paths,
    .tiles = &dms_tile_kernels_amx,
};

#endif
