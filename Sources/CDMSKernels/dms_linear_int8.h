// Panels whose products are of 8-bit integers.
//
// Inputs are rounded to 8 bits, a scale for each group of them that shares a scale of the weights. The products of a
// group are summed as integers, exactly; the sums of groups are then added as floats from first to last. So no order
// within a group can change a bit: a row is the same in every batch, and on every processor.
//
// Of each group a panel has the outputs' scales in BF16, then their codes: of 8 bits [inputs / 4][outputs][4 inputs];
// of 4 bits [inputs / 8][outputs][4 bytes], where a byte has one of the first four of eight inputs in its low half and the
// one four later in its high half.
#ifndef DMS_LINEAR_INT8_H
#define DMS_LINEAR_INT8_H

#include "dms_linear_panels.h"

enum {
    DMS_INT8_STEP = 4,  // inputs of a product
    DMS_INT8_STEP_BYTES = DMS_INT8_STEP * DMS_PANELS_OUTPUTS,
    DMS_INT8_SCALE_BYTES = 2 * DMS_PANELS_OUTPUTS,
    DMS_INT8_GROUP_MIN = 32,
    DMS_INT8_TINY = 0x0f800000,      // bits of 2^-96
    DMS_INT8_INFINITE = 0x7f800000,  // of infinity
};

// Bytes of one group of a panel.
static inline size_t dms_int8_group_bytes(int32_t bits, size_t group) {
    return DMS_INT8_SCALE_BYTES + DMS_PANELS_OUTPUTS * group * (size_t)bits / 8;
}

// What a code has more than the weight in units of its scale.
static inline int32_t dms_int8_offset(int32_t bits) { return 1 << (bits - 1); }

// Inputs are rounded so: scale = largest magnitude / 127, code = input * (127 / largest magnitude), each operation
// rounded to FP32, the last to the nearest integer, ties to even. A group whose largest magnitude is below 2^-96 counts
// as zeros; one with an infinity or NaN gets the scale NaN.
#define DMS_INT8_PANELS .element_size = 1, .block = 18432, .rows_per_task = 512

extern const dms_panels_kernels dms_int8_kernels_portable;
#if defined(DMS_X86)
extern const dms_panels_kernels dms_int8_kernels_avx2;
extern const dms_panels_kernels dms_int8_kernels_avx2_vnni;
extern const dms_panels_kernels dms_int8_kernels_vnni;
#endif

#endif
