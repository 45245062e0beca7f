// Tiles in plain C: the twin of the processor's, and what tests the driver where there are none.

#include "dms_linear_tiles.h"

static void dms_prepare_tiles(const float *x, size_t x_stride, size_t rows, size_t inputs, uint16_t *prepared) {
    size_t padded = dms_round_up(inputs, DMS_TILE_STEP);
    for (size_t k = 0; k < padded; ++k) {
        for (size_t row = 0; row < DMS_TILE; ++row) {
            float value = row < rows && k < inputs ? x[row * x_stride + k] : 0;
            prepared[(k / 2 * DMS_TILE + row) * 2 + k % 2] = dms_f32_to_bf16(value);
        }
    }
}

static float dms_step_sum(const uint16_t *weights, const uint16_t *rows, size_t row, size_t inputs, float sum) {
    float halves[2] = {0, 0};
    for (size_t k = 0; k < inputs; ++k) {
        halves[k % 2] += dms_bf16_to_f32(weights[k]) * dms_bf16_to_f32(rows[(k / 2 * DMS_TILE + row) * 2 + k % 2]);
    }
    return sum + (halves[0] + halves[1]);
}

static void dms_multiply_panel(const dms_tile_panel *panel) {
    for (size_t g = 0; g < panel->groups; ++g) {
        const uint16_t *rows = panel->rows + g * panel->group_elements;
        for (size_t b = 0; b < DMS_TILE_OUTPUT_BLOCKS; ++b) {
            float *sums = panel->sums + (g * DMS_TILE_OUTPUT_BLOCKS + b) * DMS_TILE_SUMS;
            for (size_t n = 0; n < DMS_TILE; ++n) {
                const uint16_t *weights = panel->weights[b] + n * panel->in_features;
                for (size_t row = 0; row < DMS_TILE; ++row) {
                    float sum = panel->begins ? 0 : sums[n * DMS_TILE + row];
                    for (size_t k = 0; k < panel->inputs && n < panel->outputs; k += DMS_TILE_STEP) {
                        size_t inputs = DMS_MIN(panel->inputs - k, (size_t)DMS_TILE_STEP);
                        sum = dms_step_sum(weights + k, rows + k * DMS_TILE, row, inputs, sum);
                    }
                    sums[n * DMS_TILE + row] = sum;
                }
            }
        }
    }
}

static void dms_finish_tile(const float *sums, size_t first, size_t end, size_t rows, const dms_linear_output *output,
                            float *y, const float *bias) {
    for (size_t row = 0; row < rows; ++row) {
        for (size_t n = first; n < end; ++n) {
            float *out = y + row * output->y_stride + n;
            float total = sums[n * DMS_TILE + row];
            if (output->accumulate) total += *out;
            if (bias) total += bias[n];
            *out = total;
        }
    }
}

static void dms_nothing(void) {}

const dms_tile_kernels dms_tile_kernels_portable = {
    .prepare = dms_prepare_tiles,
    .panel = dms_multiply_panel,
    .finish = dms_finish_tile,
    .begin = dms_nothing,
    .end = dms_nothing,
};
