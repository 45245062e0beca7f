// Lays weights of integers out for their products; dms_linear_int8.h says how. Plain C: memory is the limit.

#include "dms_linear_int8.h"

typedef struct {
    const uint8_t *codes;
    const uint16_t *scales;
    uint8_t *panels;
    size_t outputs, inputs, group;
    int32_t bits;
} packing_t;

static int32_t bits_of(dms_dtype type) { return type == DMS_GROUPED_INT4 || type == DMS_PANELS_INT4 ? 4 : 8; }

size_t dms_panels_bytes(dms_dtype type, size_t outputs, size_t inputs, size_t group) {
    size_t panel = inputs / group * dms_int8_group_bytes(bits_of(type), group);
    return dms_ceiling_divide(outputs, DMS_INT8_OUTPUTS) * panel;
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
    for (size_t n = 0; n < DMS_INT8_OUTPUTS; ++n) {
        // Missing outputs repeat the last one.
        size_t output = DMS_MIN(first + n, packing->outputs - 1);
        const uint16_t *scale = packing->scales + output * (packing->inputs / packing->group) + g;
        memcpy(packed + n * sizeof *scale, scale, sizeof *scale);
        const uint8_t *codes = packing->codes + output * row_bytes + g * group_bytes;
        for (size_t i = 0; i < group_bytes / DMS_INT8_STEP; ++i) {
            uint32_t word;
            memcpy(&word, codes + i * sizeof word, sizeof word);
            if (packing->bits == 4) word = interleave(word);
            memcpy(words + i * DMS_INT8_STEP_BYTES + n * sizeof word, &word, sizeof word);
        }
    }
}

static void pack_panel(void *info, size_t index, size_t worker) {
    const packing_t *packing = info;
    const size_t groups = packing->inputs / packing->group;
    const size_t group_bytes = dms_int8_group_bytes(packing->bits, packing->group);
    uint8_t *panel = packing->panels + index * groups * group_bytes;
    for (size_t g = 0; g < groups; ++g) pack_group(packing, index * DMS_INT8_OUTPUTS, g, panel + g * group_bytes);
}

void dms_pack_panels(dms_context *context, dms_dtype type, const void *codes, const uint16_t *scales, size_t outputs,
                     size_t inputs, size_t group, void *panels) {
    packing_t packing = {codes, scales, panels, outputs, inputs, group, bits_of(type)};
    dms_parallel(context, dms_ceiling_divide(outputs, DMS_INT8_OUTPUTS), pack_panel, &packing);
}
