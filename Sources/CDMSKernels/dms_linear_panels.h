// Linear layers whose weights lie in panels: what the driver and the kernels of each instruction set agree on.
//
// A panel is DMS_PANELS_OUTPUTS outputs, one group of inputs behind the other; panels follow each other. The lanes of a
// vector run along the outputs: a tile of rows has all its sums in registers while a panel passes by, and weights are
// read from end to end, whatever the rows, and used as they are read. A sum takes its inputs from first to last, so a
// row has the same bits in every batch.
//
// Of BF16 weights a group is a pair of inputs, [pair][output][2 inputs]; dms_linear_int8.h has those of integers.
#ifndef DMS_LINEAR_PANELS_H
#define DMS_LINEAR_PANELS_H

#include "dms_linear.h"

enum {
    // How far ahead of its products a tile that is the only one fetches weights, line by line: requests that come
    // evenly keep memory busiest.
    DMS_PANELS_AHEAD = 4096,
    DMS_PANELS_PAIR = 2,
    DMS_PANELS_PAIR_BYTES = 2 * DMS_PANELS_PAIR * DMS_PANELS_OUTPUTS,
};

// Rows of the next tile of so many that are left: tiles as equal as can be, as small ones wait for weights.
static inline size_t dms_panels_tile_rows(size_t left, size_t most) {
    return dms_ceiling_divide(left, dms_ceiling_divide(left, most));
}

// Some groups of a panel.
typedef struct dms_panels_block {
    const uint8_t *groups;  // the first
    size_t count;
    size_t group;  // inputs of each
    int32_t bits;  // of a weight
    // To be fetched from memory meanwhile: what will be read next, from end to end.
    const uint8_t *next;
    size_t next_bytes;  // 0 for nothing
} dms_panels_block;

// Prepared inputs of some rows, from a block's first group on.
typedef struct dms_panels_rows {
    const void *inputs;
    size_t stride;  // elements from row to row
    // Of integers:
    const float *scales;  // of each group
    const int32_t *sums;  // of each group's codes
    size_t group_stride;  // from row to row, of both
    size_t count;
} dms_panels_rows;

struct dms_panels_kernels {
    size_t element_size;   // of prepared inputs
    size_t block;          // bytes of a panel that are taken at a time, or a group
    size_t rows_per_task;  // a block of weights is used for so many while their inputs stay in the second-level cache
    // Makes whole groups of a row's inputs, zeros behind; scales and sums are for integers.
    void (*prepare)(const float *x, size_t inputs, size_t group, void *prepared, float *scales, int32_t *sums);
    // Adds a block's products to sums [row][DMS_PANELS_OUTPUTS].
    void (*multiply)(const dms_panels_block *block, const dms_panels_rows *rows, float *sums);
};

// BF16 weights, with inputs as they are and rounded to BF16; integers are in dms_linear_int8.h.
extern const dms_panels_kernels dms_panels_fp32_portable, dms_panels_bf16_portable;
#if defined(DMS_X86)
extern const dms_panels_kernels dms_panels_fp32_avx2, dms_panels_bf16_avx2;
extern const dms_panels_kernels dms_panels_fp32_avx512, dms_panels_bf16_avx512, dms_panels_pairs_avx512_bf16;
#endif
#if defined(DMS_ARM)
extern const dms_panels_kernels dms_panels_fp32_neon, dms_panels_bf16_neon;
#endif

size_t dms_panels_scratch_bytes(const dms_context *context, size_t rows, size_t in_features, dms_precision precision);
void dms_panels_linear(dms_context *context, const dms_linear_args *args);

#endif
