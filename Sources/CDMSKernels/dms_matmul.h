// What the driver of matrix products and the kernels of each instruction set agree on.
//
// Both operands are packed before they are multiplied: rows of `a` into panels of `rows`, columns of `b` into panels of
// `columns`, each panel [depth][width], zeros where the matrix ends (Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication", 2008). A word of a panel is four bytes: a float, or a pair of BF16 that lie
// next to each other along the depth. Every element of the product has one accumulator per block of the depth, and
// blocks are added in order; how the product is cut into tiles changes nothing.
#ifndef DMS_MATMUL_H
#define DMS_MATMUL_H

#include "dms_internal.h"

#include "dms_training.h"

// Packs `lines` lines (rows of a, columns of b) over a stretch of the depth into panels that follow each other. Element
// k of line i is at x[i * line_stride + k * depth_stride]; one of the strides is 1.
typedef void (*dms_matmul_pack)(const float *x, size_t line_stride, size_t depth_stride, size_t lines, size_t depth,
                                float *packed);
// c[rows][columns] (+)= packed a * packed b over `words` words of depth; a and b start at a panel.
typedef void (*dms_matmul_tile)(size_t words, const float *a, const float *b, size_t rows, size_t columns, float *c,
                                size_t c_stride, int adds);

typedef struct dms_matmul_path {
    size_t rows, columns;  // of a register tile, and so the widths of panels
    size_t word_depth;     // 1, or 2 where a word is a pair
    dms_matmul_pack pack_rows, pack_columns;
    dms_matmul_tile tile;
} dms_matmul_path;

struct dms_matmul_kernels {
    dms_matmul_path fp32;
    dms_matmul_path bf16;
};

extern const dms_matmul_kernels dms_matmul_portable;
#if DMS_X86
extern const dms_matmul_kernels dms_matmul_avx2;
extern const dms_matmul_kernels dms_matmul_avx512;
extern const dms_matmul_kernels dms_matmul_avx512_bf16;
#elif DMS_ARM
extern const dms_matmul_kernels dms_matmul_neon;
#endif

#endif
