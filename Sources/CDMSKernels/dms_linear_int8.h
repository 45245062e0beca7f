// Linear layers whose products are of 8-bit integers: what the driver and the kernels of each instruction set agree on.
//
// Inputs are rounded to 8 bits, a scale for each group of them that shares a scale of the weights. The products of a
// group are summed as integers, exactly; the sums of groups are then added as floats from first to last. So no order
// within a group can change a bit: a row is the same in every batch, and on every processor.
//
// Weights lie in panels (dms_panels.c) of DMS_INT8_OUTPUTS outputs, one panel behind the other. Of each group a panel
// has the outputs' scales in BF16, then their codes: of 8 bits [inputs / 4][outputs][4 inputs]; of 4 bits
// [inputs / 8][outputs][4 bytes], where a byte has one of the first four of eight inputs in its low half and the one
// four later in its high half. So weights are read from end to end, whatever the rows, and used as they are read.
#ifndef DMS_LINEAR_INT8_H
#define DMS_LINEAR_INT8_H

#include "dms_linear.h"

enum {
    DMS_INT8_OUTPUTS = 32,  // of a panel
    DMS_INT8_STEP = 4,      // inputs of a product
    DMS_INT8_STEP_BYTES = DMS_INT8_STEP * DMS_INT8_OUTPUTS,
    DMS_INT8_SCALE_BYTES = 2 * DMS_INT8_OUTPUTS,
    DMS_INT8_GROUP_MIN = 32,
    DMS_INT8_GROUPS = 16,            // of a block of inputs at most
    DMS_INT8_TINY = 0x0f800000,      // bits of 2^-96
    DMS_INT8_INFINITE = 0x7f800000,  // of infinity
};

// Bytes of one group of a panel.
static inline size_t dms_int8_group_bytes(int32_t bits, size_t group) {
    return DMS_INT8_SCALE_BYTES + DMS_INT8_OUTPUTS * group * (size_t)bits / 8;
}

// What a code has more than the weight in units of its scale.
static inline int32_t dms_int8_offset(int32_t bits) { return 1 << (bits - 1); }

// Rows of the next tile of so many that are left: tiles as equal as can be, as small ones wait for weights.
static inline size_t dms_int8_tile_rows(size_t left, size_t most) {
    return dms_ceiling_divide(left, dms_ceiling_divide(left, most));
}

// Some groups of a panel.
typedef struct dms_int8_block {
    const uint8_t *groups;  // the first
    size_t count;
    size_t group;  // inputs of each
    int32_t bits;
    // To be fetched from memory meanwhile: what will be read next, from end to end.
    const uint8_t *next;
    size_t next_bytes;  // 0 for nothing
} dms_int8_block;

// Rounded inputs of some rows, from a block's first group on.
typedef struct dms_int8_rows {
    const int8_t *codes;
    size_t stride;         // from row to row
    const float *scales;   // of each group
    const int32_t *sums;   // of each group's codes
    size_t group_stride;   // from row to row, of both
    size_t count;
} dms_int8_rows;

struct dms_int8_kernels {
    // Rounds inputs: scale = largest magnitude / 127, code = input * (127 / largest magnitude), each operation rounded
    // to FP32, the last to the nearest integer, ties to even. A group whose largest magnitude is below 2^-96 counts as
    // zeros; one with an infinity or NaN gets the scale NaN.
    void (*quantize)(const float *x, size_t inputs, size_t group, int8_t *codes, float *scales, int32_t *sums);
    // Adds a block's products to sums [row][DMS_INT8_OUTPUTS].
    void (*multiply)(const dms_int8_block *block, const dms_int8_rows *rows, float *sums);
};

extern const dms_int8_kernels dms_int8_kernels_portable;
#if defined(DMS_X86)
extern const dms_int8_kernels dms_int8_kernels_avx2;
extern const dms_int8_kernels dms_int8_kernels_avx2_vnni;
extern const dms_int8_kernels dms_int8_kernels_vnni;
#endif

size_t dms_int8_scratch_bytes(const dms_context *context, const dms_int8_kernels *kernels, size_t rows,
                              size_t in_features);
void dms_int8_linear(dms_context *context, const dms_int8_kernels *kernels, const dms_linear_args *args);

#endif
