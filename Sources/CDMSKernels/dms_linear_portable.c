// Linear layers in plain C.

#include "dms_linear_sums.h"
#include "dms_linear_tiles.h"
#include "dms_simd_portable.h"

enum { DMS_TILE_ROWS = 2, DMS_TILE_OUTPUTS = 4, DMS_FEW_ROWS = 2, DMS_FEW_OUTPUTS = 2, DMS_BLOCK_BYTES = 4096 };

DMS_FN void dms_finish_row(const size_t outputs, const dms_panel *panel, float *y, const vf *sums) {
    float totals[DMS_TILE_OUTPUTS];
    for (size_t n = 0; n < DMS_TILE_OUTPUTS; ++n) {
        totals[n] = (sums[n][0] + sums[n][2]) + (sums[n][1] + sums[n][3]);
    }
    dms_store_sums(panel, y, totals);
}

#include "dms_linear_body.h"

const dms_linear_kernels dms_linear_portable = {.fp32 = DMS_FP32_PATH, .bf16 = DMS_ROUNDED_PATH};

const dms_linear_kernels dms_linear_portable_tiles = {
    .fp32 = DMS_FP32_PATH, .bf16 = DMS_ROUNDED_PATH, .tiles = &dms_tile_kernels_portable};
