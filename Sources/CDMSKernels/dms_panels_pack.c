// Lays weights out in panels; dms_linear_panels.h and dms_linear_int8.h say how. Plain C: memory is the limit.

#include "dms_linear_int8.h"

typedef struct {
    const uint8_t *weights;
    const uint16_t *scales;
    uint8_t *panels;
    size_t outputs, inputs, group;
    int32_t bits;
} packing_t;

static int32_t bits_of(dms_dtype type) {
    if (type == DMS_BF16 || type == DMS_PANELS_BF16) return 16;
    return type == DMS_GROUPED_INT4 || type == DMS_PANELS_INT4 ? 4 : 8;
}

static size_t panel_bytes(int32_t bits, size_t inputs, size_t group) {
    if (bits == 16) return dms_ceiling_divide(inputs, DMS_PANELS_PAIR) * DMS_PANELS_PAIR_BYTES;
    return inputs / group * dms_int8_group_bytes(bits, group);
}

size_t dms_panels_bytes(dms_dtype type, size_t outputs, size_t inputs, size_t group) {
    return dms_ceiling_divide(outputs, DMS_PANELS_OUTPUTS) * panel_bytes(bits_of(type), inputs, group);
}

// Eight codes of 4 bits in order become two of four: first and fifth share a byte, and so on.
static uint32_t interleave(uint32_t codes) {
    uint32_t swapped = (codes ^ codes >> 8) & 0x0000ff00u;
    codes ^= swapped ^ swapped << 8;
    swapped = (codes ^ codes >> 4) & 0x00f000f0u;
    return codes ^ swapped ^ swapped << 4;
}

static void pack_group(const packing_t *packing, size_t first, size_t g, uint8_t *packed) {
    const size_t row_bytes = packing->inputs * (size_t)packing->bits / 8;
    const size_t group_bytes = packing->group * (size_t)packing->bits / 8;
    uint8_t *words = packed + DMS_INT8_SCALE_BYTES;
    for (size_t n = 0; n < DMS_PANELS_OUTPUTS; ++n) {
        // Missing outputs repeat the last one.
        size_t output = DMS_MIN(first + n, packing->outputs - 1);
        const uint16_t *scale = packing->scales + output * (packing->inputs / packing->group) + g;
        memcpy(packed + n * sizeof *scale, scale, sizeof *scale);
        const uint8_t *codes = packing->weights + output * row_bytes + g * group_bytes;
        for (size_t i = 0; i < group_bytes / DMS_INT8_STEP; ++i) {
            uint32_t word;
            memcpy(&word, codes + i * sizeof word, sizeof word);
            if (packing->bits == 4) word = interleave(word);
            memcpy(words + i * DMS_INT8_STEP_BYTES + n * sizeof word, &word, sizeof word);
        }
    }
}

static void pack_integers(const packing_t *packing, size_t first, uint8_t *panel) {
    const size_t bytes = dms_int8_group_bytes(packing->bits, packing->group);
    for (size_t g = 0; g < packing->inputs / packing->group; ++g) pack_group(packing, first, g, panel + g * bytes);
}

// Pairs of some inputs at a time, so that what is written stays in the first-level cache until its lines are whole.
static void pack_floats(const packing_t *packing, size_t first, uint8_t *panel) {
    enum { PAIRS = 64 };
    const size_t pair = DMS_PANELS_PAIR * sizeof(uint16_t), row_bytes = packing->inputs * sizeof(uint16_t);
    for (size_t k = 0; k < row_bytes; k += PAIRS * pair, panel += PAIRS * DMS_PANELS_PAIR_BYTES) {
        for (size_t n = 0; n < DMS_PANELS_OUTPUTS; ++n) {
            const uint8_t *row = packing->weights + DMS_MIN(first + n, packing->outputs - 1) * row_bytes;
            for (size_t i = 0; i < PAIRS && k + i * pair < row_bytes; ++i) {
                // A last input without a second gets a zero beside it.
                uint32_t word = 0;
                memcpy(&word, row + k + i * pair, DMS_MIN(pair, row_bytes - k - i * pair));
                memcpy(panel + i * DMS_PANELS_PAIR_BYTES + n * pair, &word, sizeof word);
            }
        }
    }
}

static void pack_panel(void *info, size_t index, size_t worker) {
    const packing_t *packing = info;
    const size_t first = index * DMS_PANELS_OUTPUTS;
    uint8_t *panel = packing->panels + index * panel_bytes(packing->bits, packing->inputs, packing->group);
    if (packing->bits == 16) {
        pack_floats(packing, first, panel);
    } else {
        pack_integers(packing, first, panel);
    }
}

void dms_pack_panels(dms_context *context, dms_dtype type, const void *weights, const uint16_t *scales, size_t outputs,
                     size_t inputs, size_t group, void *panels) {
    packing_t packing = {weights, scales, panels, outputs, inputs, group, bits_of(type)};
    dms_parallel(context, dms_ceiling_divide(outputs, DMS_PANELS_OUTPUTS), pack_panel, &packing);
}
