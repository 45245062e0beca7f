// Linear layers with NEON.

#include "dms_internal.h"

#if defined(DMS_ARM)

#include "dms_linear_sums.h"
#include "dms_simd_neon.h"

// 16 of the 32 registers are accumulators; four rows and one weight vector are in flight beside them.
enum {
    DMS_TILE_ROWS = 4,
    DMS_TILE_OUTPUTS = 4,
    DMS_FEW_ROWS = 4,
    DMS_FEW_OUTPUTS = 2,
    DMS_FEW_LIMIT = 8,
    DMS_BLOCK_BYTES = 4096,
};

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

// The scale, and the offset of codes times it: a weight is one multiply-add.
typedef struct dms_factor {
    vf scale, offset;
} dms_factor;

DMS_FN dms_factor dms_group_factor(const int bits, float scale) {
    return (dms_factor){vf_set1(scale), vf_set1(scale * (bits == 8 ? -128.0f : -8.0f))};
}

// Eight codes for each of four lanes: in one word, or four in each of two.
typedef struct dms_codes {
    uint32x4_t first, second;
} dms_codes;

DMS_FN dms_codes dms_load_codes(const int bits, const char *p) {
    if (bits == 8) {
        uint32x4x2_t words = vld2q_u32((const uint32_t *)p);
        return (dms_codes){words.val[0], words.val[1]};
    }
    uint32x4_t words = vld1q_u32((const uint32_t *)p);
    return (dms_codes){words, words};
}

DMS_FN vf dms_widen_codes(const int bits, dms_codes codes, const size_t step, dms_factor factor) {
    uint32x4_t words = bits == 8 && step >= 4 ? codes.second : codes.first;
    int32x4_t shift = vdupq_n_s32(-(int32_t)((bits == 8 ? step % 4 : step) * (size_t)bits));
    uint32x4_t code = vandq_u32(vshlq_u32(words, shift), vdupq_n_u32((1u << bits) - 1u));
    return vf_fma(vcvtq_f32_u32(code), factor.scale, factor.offset);
}

enum { DMS_GROUPED_OUTPUTS = DMS_TILE_OUTPUTS };

#include "dms_linear_grouped_body.h"

const dms_linear_kernels dms_linear_neon = {
    .fp32 = DMS_FP32_PATH, .bf16 = DMS_ROUNDED_PATH, .grouped = dms_grouped_paths};

#endif
