// Packing and register tiles of matrix products for the instruction set whose dms_simd_*.h was included before. The
// including file defines MATMUL_ROWS and MATMUL_VECTORS, the register tile, and, where the processor multiplies pairs
// of BF16, pack_pairs (two vectors of floats to one of pairs) and dot_pairs(a, b, sum).

#include "dms_matmul.h"

enum { MATMUL_COLUMNS = MATMUL_VECTORS * VF_LANES, COPIED_STEPS = 8 };

// MARK: Packing

// One step of the depth in a panel narrower than a vector: a whole vector is stored, and what lies behind the panel's
// width is overwritten by the step that follows. So steps come in order, and the last one stores no more than its own.
DMS_FN void store_step(const size_t width, float *to, vf v, int last) {
    if (width >= VF_LANES || !last) {
        vf_store(to, v);
    } else {
        vf_store_n(to, v, width);
    }
}

// Lines that lie next to each other: every step of the depth is a copy. A few steps are done for all panels before the
// next few, so that rows of the matrix are read from end to end and lines of the cache are written in one go.
DMS_FN void copy_lines(const size_t width, const float *x, size_t depth_stride, size_t lines, size_t depth,
                       float *packed) {
    // A narrow panel is loaded with what lies behind its lines, while that is there.
    const size_t loaded = width < VF_LANES ? VF_LANES : width;
    for (size_t first = 0; first < depth; first += COPIED_STEPS) {
        size_t end = DMS_MIN(first + COPIED_STEPS, depth), line = 0;
        for (; line + loaded <= lines; line += width) {
            for (size_t k = first; k < end; ++k) {
                const float *from = x + k * depth_stride + line;
                float *to = packed + line * depth + k * width;
                if (width < VF_LANES) {
                    store_step(width, to, vf_load(from), k + 1 == depth);
                } else {
                    memcpy(to, from, width * sizeof *to);
                }
            }
        }
        for (; line < lines; line += width) {
            for (size_t k = first; k < end; ++k) {
                const float *from = x + k * depth_stride + line;
                float *to = packed + line * depth + k * width;
                for (size_t i = 0; i < width; ++i) to[i] = line + i < lines ? from[i] : 0.0f;
            }
        }
    }
}

// `lanes` lines of one panel, of which the first `lines` exist, whose elements lie next to each other along the depth.
DMS_FN void transpose_lines(const size_t width, const float *x, size_t line_stride, size_t lines, size_t depth,
                            const size_t lanes, float *packed) {
    vf block[VF_LANES];
    size_t k = 0;
    for (; k + VF_LANES <= depth; k += VF_LANES) {
        for (size_t i = 0; i < VF_LANES; ++i) block[i] = i < lines ? vf_load(x + i * line_stride + k) : vf_set1(0.0f);
        vf_transpose(block);
        for (size_t j = 0; j < VF_LANES; ++j) {
            float *to = packed + (k + j) * width;
            if (lanes < VF_LANES && width >= VF_LANES) {
                vf_store_n(to, block[j], lanes);
            } else {
                store_step(width, to, block[j], k + j + 1 == depth);
            }
        }
    }
    for (; k < depth; ++k) {
        for (size_t i = 0; i < lanes; ++i) packed[k * width + i] = i < lines ? x[i * line_stride + k] : 0.0f;
    }
}

DMS_FN void transpose_panels(const size_t width, const float *x, size_t line_stride, size_t lines, size_t depth,
                             float *packed) {
    for (size_t line = 0; line < lines; line += width) {
        for (size_t i = 0; i < width; i += VF_LANES) {
            const size_t lanes = DMS_MIN(width - i, (size_t)VF_LANES);
            float *to = packed + line * depth + i;
            if (line + i + lanes <= lines) {
                transpose_lines(width, x + (line + i) * line_stride, line_stride, lanes, depth, lanes, to);
            } else {
                size_t first = DMS_MIN(line + i, lines);
                transpose_lines(width, x + first * line_stride, line_stride, lines - first, depth, lanes, to);
            }
        }
    }
}

DMS_FN void pack_floats(const size_t width, const float *x, size_t line_stride, size_t depth_stride, size_t lines,
                        size_t depth, float *packed) {
    if (line_stride == 1) {
        copy_lines(width, x, depth_stride, lines, depth, packed);
    } else {
        transpose_panels(width, x, line_stride, lines, depth, packed);
    }
}

#define PACK(name, pack, width)                                                                              \
    DMS_TARGET static void name(const float *x, size_t line_stride, size_t depth_stride, size_t lines,       \
                                size_t depth, float *packed) {                                               \
        pack(width, x, line_stride, depth_stride, lines, depth, packed);                                     \
    }

PACK(pack_float_rows, pack_floats, MATMUL_ROWS)
PACK(pack_float_columns, pack_floats, MATMUL_COLUMNS)

#ifdef MATMUL_PAIRS

enum { STAGED_DEPTH = 32 };  // even, and its floats stay in the first-level cache

// Two steps of the depth become one.
DMS_FN void join_steps(const size_t width, const float *staged, size_t depth, float *packed) {
    for (size_t k = 0; k < depth; k += 2, packed += width) {
        for (size_t i = 0; i < width; i += VF_LANES) {
            size_t n = DMS_MIN(width - i, (size_t)VF_LANES);
            vf first = vf_load_n(staged + k * width + i, n);
            vf second = k + 1 < depth ? vf_load_n(staged + (k + 1) * width + i, n) : vf_set1(0.0f);
            vf_store_n(packed + i, pack_pairs(first, second), n);
        }
    }
}

DMS_FN void pack_bf16(const size_t width, const float *x, size_t line_stride, size_t depth_stride, size_t lines,
                      size_t depth, float *packed) {
    float staged[STAGED_DEPTH * MATMUL_COLUMNS];
    for (size_t line = 0; line < lines; line += width) {
        size_t count = DMS_MIN(width, lines - line);
        for (size_t k = 0; k < depth; k += STAGED_DEPTH) {
            size_t steps = DMS_MIN(depth - k, (size_t)STAGED_DEPTH);
            pack_floats(width, x + line * line_stride + k * depth_stride, line_stride, depth_stride, count, steps,
                        staged);
            join_steps(width, staged, steps, packed);
            packed += (steps + 1) / 2 * width;
        }
    }
}

#else

// Products of BF16 are exact in FP32, so rounding the operands is all there is to do.
DMS_FN void pack_bf16(const size_t width, const float *x, size_t line_stride, size_t depth_stride, size_t lines,
                      size_t depth, float *packed) {
    pack_floats(width, x, line_stride, depth_stride, lines, depth, packed);
    size_t count = (lines + width - 1) / width * width * depth;
    for (size_t i = 0; i < count; ++i) packed[i] = dms_bf16_to_f32(dms_f32_to_bf16(packed[i]));
}

#endif

PACK(pack_bf16_rows, pack_bf16, MATMUL_ROWS)
PACK(pack_bf16_columns, pack_bf16, MATMUL_COLUMNS)

// MARK: Register tiles

enum { MATMUL_FLOATS, MATMUL_BF16 };

DMS_FN vf multiply_add(const int type, vf a, vf b, vf sum) {
#ifdef MATMUL_PAIRS
    if (type == MATMUL_BF16) return dot_pairs(a, b, sum);
#endif
    return vf_fma(a, b, sum);
}

// A whole register tile of c, or, at the edges of the product, the part that exists.
DMS_FN void register_tile(const int type, size_t words, const float *a, const float *b, size_t rows, size_t columns,
                          float *c, size_t c_stride, int adds) {
    vf sums[MATMUL_ROWS][MATMUL_VECTORS];
    for (size_t i = 0; i < MATMUL_ROWS; ++i) {
        for (size_t j = 0; j < MATMUL_VECTORS; ++j) sums[i][j] = vf_set1(0.0f);
    }
    for (size_t i = 0; i < rows; ++i) __builtin_prefetch(c + i * c_stride, 1, 3);
    for (size_t k = 0; k < words; ++k, a += MATMUL_ROWS, b += MATMUL_COLUMNS) {
        vf right[MATMUL_VECTORS];
        for (size_t j = 0; j < MATMUL_VECTORS; ++j) right[j] = vf_load(b + j * VF_LANES);
        for (size_t i = 0; i < MATMUL_ROWS; ++i) {
            vf left = vf_set1(a[i]);
            for (size_t j = 0; j < MATMUL_VECTORS; ++j) sums[i][j] = multiply_add(type, left, right[j], sums[i][j]);
        }
    }
    if (rows == MATMUL_ROWS && columns == MATMUL_COLUMNS) {
        for (size_t i = 0; i < MATMUL_ROWS; ++i) {
            for (size_t j = 0; j < MATMUL_VECTORS; ++j) {
                float *to = c + i * c_stride + j * VF_LANES;
                vf_store(to, adds ? vf_add(vf_load(to), sums[i][j]) : sums[i][j]);
            }
        }
        return;
    }
    float whole[MATMUL_ROWS][MATMUL_COLUMNS];
    for (size_t i = 0; i < MATMUL_ROWS; ++i) {
        for (size_t j = 0; j < MATMUL_VECTORS; ++j) vf_store(whole[i] + j * VF_LANES, sums[i][j]);
    }
    for (size_t i = 0; i < rows; ++i) {
        float *to = c + i * c_stride;
        for (size_t j = 0; j < columns; ++j) to[j] = adds ? to[j] + whole[i][j] : whole[i][j];
    }
}

// One panel of b stays in the first-level cache while those of a pass by, which come from the second.
DMS_FN void multiply_panels(const int type, size_t words, const float *a, const float *b, size_t rows, size_t columns,
                            float *c, size_t c_stride, int adds) {
    for (size_t column = 0; column < columns; column += MATMUL_COLUMNS) {
        size_t width = DMS_MIN(columns - column, (size_t)MATMUL_COLUMNS);
        for (size_t row = 0; row < rows; row += MATMUL_ROWS) {
            register_tile(type, words, a + row * words, b + column * words, DMS_MIN(rows - row, (size_t)MATMUL_ROWS),
                          width, c + row * c_stride + column, c_stride, adds);
        }
    }
}

#define TILE(name, type)                                                                                       \
    DMS_TARGET static void name(size_t words, const float *a, const float *b, size_t rows, size_t columns,     \
                                float *c, size_t c_stride, int adds) {                                         \
        multiply_panels(type, words, a, b, rows, columns, c, c_stride, adds);                                  \
    }

TILE(tile_floats, MATMUL_FLOATS)

#ifdef MATMUL_PAIRS
TILE(tile_bf16, MATMUL_BF16)
enum { BF16_WORD_DEPTH = 2 };
#else
#define tile_bf16 tile_floats
enum { BF16_WORD_DEPTH = 1 };
#endif

#define MATMUL_KERNELS                                                                                         \
    {.fp32 = {.rows = MATMUL_ROWS, .columns = MATMUL_COLUMNS, .word_depth = 1, .pack_rows = pack_float_rows,   \
              .pack_columns = pack_float_columns, .tile = tile_floats},                                        \
     .bf16 = {.rows = MATMUL_ROWS, .columns = MATMUL_COLUMNS, .word_depth = BF16_WORD_DEPTH,                   \
              .pack_rows = pack_bf16_rows, .pack_columns = pack_bf16_columns, .tile = tile_bf16}}
