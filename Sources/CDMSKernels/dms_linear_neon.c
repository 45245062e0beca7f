// Linear layers with NEON.

#include "dms_internal.h"

#if defined(DMS_ARM)

#include "dms_linear_sums.h"
#include "dms_simd_neon.h"

// 16 of the 32 registers are accumulators; four rows and one weight vector are in flight beside them.
enum { DMS_TILE_ROWS = 4, DMS_TILE_OUTPUTS = 4, DMS_FEW_ROWS = 4, DMS_FEW_OUTPUTS = 2, DMS_BLOCK_BYTES = 4096 };

DMS_FN void dms_finish_row(const size_t outputs, const dms_panel *panel, float *y, const vf *sums) {
    float32x4_t low = vpaddq_f32(sums[0], sums[1]), high = vpaddq_f32(sums[2], sums[3]);
    float32x4_t total = vpaddq_f32(low, high);
    if (panel->width == DMS_TILE_OUTPUTS) {
        if (panel->adds) total = vaddq_f32(vld1q_f32(y), total);
        if (panel->bias) total = vaddq_f32(total, vld1q_f32(panel->bias));
        vst1q_f32(y, total);
        return;
    }
    float totals[DMS_TILE_OUTPUTS];
    vst1q_f32(totals, total);
    dms_store_sums(panel, y, totals);
}

#include "dms_linear_body.h"

const dms_linear_kernels dms_linear_neon = {.fp32 = DMS_FP32_PATH, .bf16 = DMS_ROUNDED_PATH};

#endif
