// Linear layers whose products are of 8-bit integers: what the driver and the kernels of each instruction set agree on.
//
// Inputs are rounded to 8 bits, a scale for each group of them that shares a scale of the weights. The products of a
// group are summed as integers, exactly; the sums of groups are then added as floats from first to last. So neither
// layout nor order within a group can change a bit: a row is the same in every batch, and on every processor.
#ifndef DMS_LINEAR_INT8_H
#define DMS_LINEAR_INT8_H

#include "dms_linear.h"

enum {
    DMS_INT8_LANES = 16,                        // outputs side by side
    DMS_INT8_OUTPUTS = 2 * DMS_INT8_LANES,      // of a panel
    DMS_INT8_GROUPS = 16,                       // of a block of inputs at most
    DMS_INT8_GROUP_MAX = 128,
    DMS_INT8_UNIT = 128,                        // rows of rounded inputs are padded to a multiple
    DMS_INT8_TINY = 0x0f800000,      // bits of 2^-96
    DMS_INT8_INFINITE = 0x7f800000,  // of infinity
    DMS_INT8_PACKED = DMS_INT8_OUTPUTS * DMS_INT8_GROUPS * DMS_INT8_GROUP_MAX,  // elements of a packed block
};

// Bytes to fetch from memory meanwhile: what will be read next, from end to end.
typedef struct dms_int8_fetch {
    const char *bytes;
    size_t count;  // 0 for nothing
} dms_int8_fetch;

// Weights of a panel over one block of inputs, to be laid out as the kernel wants them.
typedef struct dms_int8_weights {
    const uint8_t *codes[DMS_INT8_OUTPUTS];    // of each output; those missing repeat the last one
    const uint16_t *scales[DMS_INT8_OUTPUTS];  // BF16
    int32_t bits;                              // of a code: 8 or 4
    size_t groups, group;
    dms_int8_fetch next;
} dms_int8_weights;

// The same once packed. Code minus `offset` is the weight in units of its scale.
typedef struct dms_int8_block {
    void *codes;    // DMS_INT8_PACKED elements of the kernel's kind
    float *scales;  // [group][output]
    size_t groups, group;
    int32_t offset;
    dms_int8_fetch next;
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

// Up to DMS_INT8_LANES outputs times one row, all inputs, weights as they lie in memory.
typedef struct dms_int8_sweep {
    const uint8_t *codes;    // of the first output
    size_t row_bytes;        // from output to output
    const uint16_t *scales;  // BF16, [output][groups]
    size_t outputs;
    int32_t bits, offset;
    size_t groups, group;
    dms_int8_rows row;
    float *products;  // scratch: DMS_INT8_LANES squared for every DMS_INT8_GROUPS groups
} dms_int8_sweep;

struct dms_int8_kernels {
    size_t element_size;  // of packed codes
    // Rounds inputs: scale = largest magnitude / 127, code = input * (127 / largest magnitude), each operation rounded to
    // FP32, the last to the nearest integer, ties to even. A group whose largest magnitude is below 2^-96 counts as
    // zeros; one with an infinity or NaN gets the scale NaN.
    void (*quantize)(const float *x, size_t inputs, size_t group, int8_t *codes, float *scales, int32_t *sums);
    void (*pack)(const dms_int8_weights *weights, const dms_int8_block *block);
    // Adds a block's products to sums [row][DMS_INT8_OUTPUTS].
    void (*multiply)(const dms_int8_block *block, const dms_int8_rows *rows, float *sums);
    // Brings the rounded inputs of one row, padded to whole units, into the order in which `sweep` wants them for codes of
    // 4 bits. NULL as `sweep`.
    void (*arrange)(int8_t *codes, size_t inputs);
    // Sums of DMS_INT8_LANES outputs. NULL where a row is packed for like many.
    void (*sweep)(const dms_int8_sweep *sweep, float *sums);
};

extern const dms_int8_kernels dms_int8_kernels_portable;
#if defined(DMS_X86)
extern const dms_int8_kernels dms_int8_kernels_avx2;
extern const dms_int8_kernels dms_int8_kernels_vnni;
#elif defined(DMS_ARM)
extern const dms_int8_kernels dms_int8_kernels_neon;
#endif

size_t dms_int8_scratch_bytes(const dms_context *context, const dms_int8_kernels *kernels, size_t rows,
                              size_t in_features);
void dms_int8_linear(dms_context *context, const dms_int8_kernels *kernels, const dms_linear_args *args);

#endif
