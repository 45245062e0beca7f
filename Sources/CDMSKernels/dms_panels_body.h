// The products of BF16 panels, written once over the vectors of the dms_simd_*.h included before. The including file
// defines
//
//   DMS_PANELS_ROWS      a register tile's rows
//   DMS_PANELS_VECTORS   and its vectors of outputs, a part of a panel
//
// and, where the processor multiplies BF16 pairs,
//
//   DMS_DOT_PAIRS(a, b, sum)   sum + a . b

#include "dms_linear_panels.h"

enum {
    DMS_PANELS_PART = DMS_PANELS_VECTORS * VF_LANES,
    // Pairs of inputs between two requests for what comes next.
    DMS_PANELS_UNIT = 4,
    DMS_PANELS_VECTOR_BYTES = 2 * DMS_PANELS_PAIR * VF_LANES,
};

// What is constant wherever the functions below are inlined.
typedef struct panels_tile {
    int pairs;    // inputs are BF16, and not floats
    size_t rows;
    size_t part;  // of the panel's outputs
} panels_tile;

DMS_FN size_t pair_bytes(const panels_tile tile) { return DMS_PANELS_PAIR * (tile.pairs ? 2 : sizeof(float)); }

// A pair of inputs of every row times the weights of the tile's outputs.
DMS_FN void add_pair(const panels_tile tile, const uint8_t *weights, const char *x, size_t x_bytes,
                     vf (*sums)[DMS_PANELS_VECTORS]) {
#ifdef DMS_DOT_PAIRS
    if (tile.pairs) {
        vf w[DMS_PANELS_VECTORS];
        for (size_t v = 0; v < DMS_PANELS_VECTORS; ++v) {
            w[v] = vf_load((const float *)(weights + v * DMS_PANELS_VECTOR_BYTES));
        }
        for (size_t m = 0; m < tile.rows; ++m) {
            vf a = vf_set1(*(const float *)(x + m * x_bytes));
            for (size_t v = 0; v < DMS_PANELS_VECTORS; ++v) sums[m][v] = DMS_DOT_PAIRS(a, w[v], sums[m][v]);
        }
        return;
    }
#endif
    for (size_t odd = 0; odd < DMS_PANELS_PAIR; ++odd) {
        vf w[DMS_PANELS_VECTORS];
        for (size_t v = 0; v < DMS_PANELS_VECTORS; ++v) w[v] = vf_load_half(weights + v * DMS_PANELS_VECTOR_BYTES, odd);
        for (size_t m = 0; m < tile.rows; ++m) {
            vf a = vf_set1(((const float *)(x + m * x_bytes))[odd]);
            for (size_t v = 0; v < DMS_PANELS_VECTORS; ++v) sums[m][v] = vf_fma(a, w[v], sums[m][v]);
        }
    }
}

// All pairs of a block for the only tile of rows, which asks for two lines with each.
DMS_FN void add_pairs_alone(const panels_tile tile, const dms_panels_block *block, const uint8_t *weights,
                            const char *x, size_t x_bytes, vf (*sums)[DMS_PANELS_VECTORS]) {
    for (size_t k = 0; k < block->count; ++k, x += pair_bytes(tile), weights += DMS_PANELS_PAIR_BYTES) {
        for (size_t line = 0; line < DMS_PANELS_PAIR_BYTES && tile.part == 0; line += DMS_CACHE_LINE) {
            __builtin_prefetch(weights + DMS_PANELS_AHEAD + line, 0, 3);
        }
        add_pair(tile, weights, x, x_bytes, sums);
    }
}

// The same for one of several tiles, which share the fetching of what comes next: `next` ..< `end`.
DMS_FN void add_pairs_sharing(const panels_tile tile, const dms_panels_block *block, const uint8_t *weights,
                              const char *x, size_t x_bytes, size_t next, const size_t end,
                              vf (*sums)[DMS_PANELS_VECTORS]) {
    const size_t share = dms_ceiling_divide(end - next, dms_ceiling_divide(block->count, DMS_PANELS_UNIT));
    for (size_t k = 0; k < block->count;) {
        const size_t until = DMS_MIN(next + share, end), unit = DMS_MIN(k + DMS_PANELS_UNIT, block->count);
        for (; next < until; next += DMS_CACHE_LINE) __builtin_prefetch(block->next + next, 0, 3);
#pragma clang loop unroll_count(2)
        for (; k < unit; ++k, x += pair_bytes(tile), weights += DMS_PANELS_PAIR_BYTES) {
            add_pair(tile, weights, x, x_bytes, sums);
        }
    }
}

// Some rows from `first` on, times a part of a panel's outputs.
DMS_FN void multiply_part(const panels_tile tile, const dms_panels_block *block, const dms_panels_rows *rows,
                          size_t first, float *sums) {
    const size_t x_bytes = rows->stride * pair_bytes(tile) / DMS_PANELS_PAIR;
    const char *x = (const char *)rows->inputs + first * x_bytes;
    const uint8_t *weights = block->groups + tile.part * DMS_PANELS_VECTORS * DMS_PANELS_VECTOR_BYTES;
    vf totals[DMS_PANELS_ROWS][DMS_PANELS_VECTORS];
    sums += first * DMS_PANELS_OUTPUTS + tile.part * DMS_PANELS_PART;
    for (size_t m = 0; m < tile.rows; ++m) {
        for (size_t v = 0; v < DMS_PANELS_VECTORS; ++v) {
            totals[m][v] = vf_load(sums + m * DMS_PANELS_OUTPUTS + v * VF_LANES);
        }
    }
    if (rows->count == tile.rows) {
        add_pairs_alone(tile, block, weights, x, x_bytes, totals);
    } else {
        const size_t parts = DMS_PANELS_OUTPUTS / DMS_PANELS_PART, at = first * parts + tile.rows * tile.part;
        const size_t next = block->next_bytes * at / (rows->count * parts);
        const size_t end = block->next_bytes * (at + tile.rows) / (rows->count * parts);
        add_pairs_sharing(tile, block, weights, x, x_bytes, next, end, totals);
    }
    for (size_t m = 0; m < tile.rows; ++m) {
        for (size_t v = 0; v < DMS_PANELS_VECTORS; ++v) {
            vf_store(sums + m * DMS_PANELS_OUTPUTS + v * VF_LANES, totals[m][v]);
        }
    }
}

// `count` rows, a constant after inlining, from `first` on.
DMS_FN void multiply_rows(const int pairs, const size_t count, const dms_panels_block *block,
                          const dms_panels_rows *rows, size_t first, float *sums) {
    for (size_t part = 0; part < DMS_PANELS_OUTPUTS / DMS_PANELS_PART; ++part) {
        multiply_part((panels_tile){pairs, count, part}, block, rows, first, sums);
    }
}

#include "dms_panels_tiles.h"

#define DMS_PANELS_OF_PAIRS .block = 16384, .rows_per_task = 256

#ifndef DMS_DOT_PAIRS

DMS_TARGET static void multiply(const dms_panels_block *block, const dms_panels_rows *rows, float *sums) {
    multiply_all(0, block, rows, sums);
}

DMS_TARGET static void prepare_fp32(const float *x, size_t inputs, size_t group, void *prepared, float *scales,
                                    int32_t *sums) {
    dms_prepare_fp32(x, inputs, dms_round_up(inputs, group), prepared);
}

DMS_TARGET static void prepare_bf16(const float *x, size_t inputs, size_t group, void *prepared, float *scales,
                                    int32_t *sums) {
    dms_prepare_rounded(x, inputs, dms_round_up(inputs, group), prepared);
}

#define DMS_PANELS_FP32                                                                                                \
    { .element_size = sizeof(float), DMS_PANELS_OF_PAIRS, .prepare = prepare_fp32, .multiply = multiply }

// BF16 precision without BF16 products.
#define DMS_PANELS_ROUNDED                                                                                             \
    { .element_size = sizeof(float), DMS_PANELS_OF_PAIRS, .prepare = prepare_bf16, .multiply = multiply }

#endif
