// Linear layers in plain C.

#include "dms_linear_sums.h"
#include "dms_linear_tiles.h"
#include "dms_simd_portable.h"

enum {
    DMS_TILE_ROWS = 2,
    DMS_TILE_OUTPUTS = 4,
    DMS_FEW_ROWS = 2,
    DMS_FEW_OUTPUTS = 2,
    DMS_FEW_LIMIT = 4,
    DMS_BLOCK_BYTES = 4096,
};

DMS_FN void dms_finish_row(const size_t outputs, const dms_panel *panel, float *y, const vf *sums) {
    float totals[DMS_TILE_OUTPUTS];
    for (size_t n = 0; n < DMS_TILE_OUTPUTS; ++n) {
        totals[n] = (sums[n][0] + sums[n][2]) + (sums[n][1] + sums[n][3]);
    }
    dms_store_sums(panel, y, totals);
}

#include "dms_linear_body.h"

typedef struct dms_factor {
    float scale;
} dms_factor;

DMS_FN dms_factor dms_group_factor(const int bits, float scale) { return (dms_factor){scale}; }

typedef const uint8_t *dms_codes;

DMS_FN dms_codes dms_load_codes(const int bits, const char *p) { return (dms_codes)p; }

DMS_FN float dms_widen_code(const int bits, dms_codes codes, size_t index, float scale) {
    int code = bits == 8 ? codes[index] - 128 : (codes[index / 2] >> index % 2 * 4 & 15) - 8;
    return (float)code * scale;
}

DMS_FN vf dms_widen_codes(const int bits, dms_codes codes, const size_t step, dms_factor factor) {
    float scale = factor.scale;
    return (vf){dms_widen_code(bits, codes, step, scale), dms_widen_code(bits, codes, step + 8, scale),
                dms_widen_code(bits, codes, step + 16, scale), dms_widen_code(bits, codes, step + 24, scale)};
}

enum { DMS_GROUPED_OUTPUTS = DMS_TILE_OUTPUTS };

#include "dms_linear_grouped_body.h"

const dms_linear_kernels dms_linear_portable = {
    .fp32 = DMS_FP32_PATH, .bf16 = DMS_ROUNDED_PATH, .grouped = dms_grouped_paths};

const dms_linear_kernels dms_linear_portable_tiles = {.fp32 = DMS_FP32_PATH,
                                                      .bf16 = DMS_ROUNDED_PATH,
                                                      .grouped = dms_grouped_paths,
                                                      .tiles = &dms_tile_kernels_portable};
