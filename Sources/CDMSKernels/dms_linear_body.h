// The panel kernels of one instruction set, written once over the vectors of the dms_simd_*.h included before. The
// including file defines
//
//   DMS_TILE_ROWS, DMS_TILE_OUTPUTS   the register tile
//   DMS_FEW_ROWS, DMS_FEW_OUTPUTS     the one for few rows
//   DMS_FEW_LIMIT                     so many rows are few: one or two such tiles
//   DMS_BLOCK_BYTES                   of a prepared row: a tile's rows and weights stay in the first-level cache
//   dms_finish_row(outputs, panel, y, sums)   adds the lanes of DMS_TILE_OUTPUTS accumulators and stores the outputs
//
// and, where the processor multiplies BF16 pairs (twice as many inputs in a vector as there are sums),
//
//   DMS_LOAD_PAIRS_N(p, n)   the first n inputs, zeros behind
//   DMS_DOT_PAIRS(a, b, sum)   sum + a . b
//
// or, where widening BF16 in order costs a shuffle that half of it does not need,
//
//   DMS_LOAD_SPLIT(p, odd)       the even or the odd elements of two vectors' worth
//   DMS_LOAD_SPLIT_N(p, n, odd)  the same of the first n elements, zeros behind

#include "dms_linear.h"

enum {
    DMS_WIDENED_STRIDE = (DMS_BLOCK_BYTES + DMS_CACHE_LINE) / 4,
    DMS_ROWS_MAX = DMS_TILE_ROWS > DMS_FEW_ROWS ? DMS_TILE_ROWS : DMS_FEW_ROWS,
};

// How a vector of inputs meets a vector of weights.
typedef enum dms_product {
    DMS_PRODUCT_F32,
    DMS_PRODUCT_BF16,  // widened, as is F16
    DMS_PRODUCT_F16,
    DMS_PRODUCT_SPLIT,  // BF16 without a shuffle: of 16 inputs the even ones, then the odd ones
    DMS_PRODUCT_PAIRS,
} dms_product;

DMS_FN dms_dtype dms_product_type(const dms_product product) {
    return product == DMS_PRODUCT_F32 ? DMS_F32 : product == DMS_PRODUCT_F16 ? DMS_F16 : DMS_BF16;
}

DMS_FN vf dms_load_weights(const dms_product product, const char *p, const size_t step) {
#ifdef DMS_LOAD_SPLIT
    if (product == DMS_PRODUCT_SPLIT) return DMS_LOAD_SPLIT(p, step);
#endif
    return product == DMS_PRODUCT_PAIRS ? vf_load((const float *)p) : vf_load_elements(dms_product_type(product), p);
}

DMS_FN vf dms_load_weights_n(const dms_product product, const char *p, size_t n, const size_t step) {
#ifdef DMS_LOAD_SPLIT
    if (product == DMS_PRODUCT_SPLIT) return DMS_LOAD_SPLIT_N(p, n, step);
#endif
#ifdef DMS_DOT_PAIRS
    if (product == DMS_PRODUCT_PAIRS) return DMS_LOAD_PAIRS_N(p, n);
#endif
    return vf_load_elements_n(dms_product_type(product), p, n);
}

DMS_FN vf dms_multiply_add(const dms_product product, vf a, vf b, vf sum) {
#ifdef DMS_DOT_PAIRS
    if (product == DMS_PRODUCT_PAIRS) return DMS_DOT_PAIRS(a, b, sum);
#endif
    return vf_fma(a, b, sum);
}

// What the inlined functions below are specialised for: every use passes constants, so that the accumulators live in
// registers and the loops unroll.
typedef struct dms_shape {
    dms_product product;
    size_t rows;
    size_t outputs;
    size_t fetches;  // of the next panel's rows a tile fetches, and so lines to fetch while it uses one line of each
    size_t line;     // inputs whose weights fill a cache line in memory
    int keeps;       // the widened weights for the tiles that follow
} dms_shape;

DMS_FN size_t dms_x_size(const dms_shape shape) { return shape.product == DMS_PRODUCT_PAIRS ? 2 : 4; }
DMS_FN size_t dms_w_size(const dms_shape shape) { return dms_element_bytes(dms_product_type(shape.product)); }
// Inputs a vector of weights holds, and how many products of vectors they take.
DMS_FN size_t dms_lanes(const dms_shape shape) {
    return shape.product == DMS_PRODUCT_PAIRS || shape.product == DMS_PRODUCT_SPLIT ? 2 * VF_LANES : VF_LANES;
}
DMS_FN size_t dms_steps(const dms_shape shape) { return shape.product == DMS_PRODUCT_SPLIT ? 2 : 1; }

// One vector of inputs of every row times one of weights of every output, of which `left` inputs exist.
DMS_FN void dms_add_step(const dms_shape shape, const char *x, size_t x_bytes, const char *const *w, size_t k,
                         const size_t step, const size_t left, float *widened, vf (*sums)[DMS_TILE_OUTPUTS]) {
    const size_t at = k + step * VF_LANES;
    vf b[DMS_TILE_OUTPUTS];
    for (size_t n = 0; n < shape.outputs; ++n) {
        const char *p = w[n] + k * dms_w_size(shape);
        b[n] = left >= dms_lanes(shape) ? dms_load_weights(shape.product, p, step)
                                        : dms_load_weights_n(shape.product, p, left, step);
        if (shape.keeps) vf_store(widened + n * DMS_WIDENED_STRIDE + at, b[n]);
    }
    for (size_t m = 0; m < shape.rows; ++m) {
        vf a = vf_load((const float *)(x + at * dms_x_size(shape) + m * x_bytes));
        for (size_t n = 0; n < shape.outputs; ++n) sums[m][n] = dms_multiply_add(shape.product, a, b[n], sums[m][n]);
    }
}

DMS_FN void dms_add_vector(const dms_shape shape, const char *x, size_t x_bytes, const char *const *w, size_t k,
                           const size_t left, float *widened, vf (*sums)[DMS_TILE_OUTPUTS]) {
    for (size_t step = 0; step < dms_steps(shape); ++step) {
        dms_add_step(shape, x, x_bytes, w, k, step, left, widened, sums);
    }
}

// Inputs k ..< end in whole lines of weights, fetching lines from `fetch` on; returns the first input left.
DMS_FN size_t dms_add_lines(const dms_shape shape, const char *x, size_t x_bytes, const char *const *w, size_t k,
                            size_t end, const char *fetch, float *widened, vf (*sums)[DMS_TILE_OUTPUTS]) {
    for (; k + shape.line <= end; k += shape.line) {
        for (size_t i = 0; i < shape.fetches; ++i) __builtin_prefetch(fetch + i * DMS_CACHE_LINE, 0, 3);
        fetch += shape.fetches * DMS_CACHE_LINE;
        for (size_t j = 0; j < shape.line; j += dms_lanes(shape)) {
            dms_add_vector(shape, x, x_bytes, w, k + j, dms_lanes(shape), widened, sums);
        }
    }
    return k;
}

// The inputs that do not fill a line: vector by vector, the last one with zeros behind.
DMS_FN void dms_add_rest(const dms_shape shape, const char *x, size_t x_bytes, const char *const *w, size_t k,
                         size_t depth, float *widened, vf (*sums)[DMS_TILE_OUTPUTS]) {
    for (; k + dms_lanes(shape) <= depth; k += dms_lanes(shape)) {
        dms_add_vector(shape, x, x_bytes, w, k, dms_lanes(shape), widened, sums);
    }
    if (k < depth) dms_add_vector(shape, x, x_bytes, w, k, depth - k, widened, sums);
}

// Accumulators of a panel's rows from `first_row` on, as they were after the block before.
DMS_FN void dms_begin_sums(const size_t rows, const size_t outputs, const dms_panel *panel, size_t first_row, vf *sums,
                           const size_t stride) {
    const float *kept = panel->sums + first_row * outputs * VF_LANES;
    for (size_t m = 0; m < rows; ++m) {
        for (size_t n = 0; n < stride; ++n) sums[m * stride + n] = vf_set1(0.0f);
    }
    if (panel->begins) return;
    for (size_t m = 0; m < rows; ++m) {
        for (size_t n = 0; n < outputs; ++n) sums[m * stride + n] = vf_load(kept + (m * outputs + n) * VF_LANES);
    }
}

// Keeps them for the next block, or makes outputs of them.
DMS_FN void dms_end_sums(const size_t rows, const size_t outputs, const dms_panel *panel, size_t first_row,
                         const vf *sums, const size_t stride) {
    float *kept = panel->sums + first_row * outputs * VF_LANES;
    if (!panel->ends) {
        for (size_t m = 0; m < rows; ++m) {
            for (size_t n = 0; n < outputs; ++n) vf_store(kept + (m * outputs + n) * VF_LANES, sums[m * stride + n]);
        }
        return;
    }
#pragma clang loop unroll(full)
    for (size_t m = 0; m < rows; ++m) {
        dms_finish_row(outputs, panel, panel->y + (first_row + m) * panel->y_stride, sums + m * stride);
    }
}

// `fetch` are shape.fetches rows of the next panel. They are fetched one after another, as if reading memory from end
// to end: that is what hardware prefetchers understand, and several rows at once reach half the bandwidth.
DMS_FN void dms_tile(const dms_shape shape, const dms_panel *panel, size_t first_row, const char *const *fetch,
                     float *widened) {
    const size_t x_bytes = panel->x_stride * dms_x_size(shape);
    const char *x = (const char *)panel->x + first_row * x_bytes, *w[DMS_TILE_OUTPUTS];
    vf sums[DMS_ROWS_MAX][DMS_TILE_OUTPUTS];
    for (size_t n = 0; n < shape.outputs; ++n) w[n] = panel->weights[n];
    dms_begin_sums(shape.rows, shape.outputs, panel, first_row, sums[0], DMS_TILE_OUTPUTS);
    size_t k = 0;
    for (size_t i = 0; i + 1 < shape.fetches; ++i) {
        size_t end = panel->depth / shape.line * (i + 1) / shape.fetches * shape.line;
        k = dms_add_lines(shape, x, x_bytes, w, k, end, fetch[i], widened, sums);
    }
    const char *last = shape.fetches == 0 ? x : fetch[shape.fetches - 1];
    k = dms_add_lines(shape, x, x_bytes, w, k, panel->depth, last, widened, sums);
    dms_add_rest(shape, x, x_bytes, w, k, panel->depth, widened, sums);
    dms_end_sums(shape.rows, shape.outputs, panel, first_row, sums[0], DMS_TILE_OUTPUTS);
}

// The one to three rows from `row` on.
DMS_FN void dms_part_tile(const dms_product product, const size_t outputs, const size_t fetches, const dms_panel *panel,
                          size_t row, const char *const *fetch, const size_t line) {
    enum { M = DMS_ROWS_MAX };
    switch (panel->rows - row) {
    case 1: dms_tile((dms_shape){product, 1, outputs, fetches, line, 0}, panel, row, fetch, NULL); break;
    case 2: dms_tile((dms_shape){product, DMS_MIN(2, M), outputs, fetches, line, 0}, panel, row, fetch, NULL); break;
    case 3: dms_tile((dms_shape){product, DMS_MIN(3, M), outputs, fetches, line, 0}, panel, row, fetch, NULL); break;
    default: break;
    }
}

// One tile, or two that share the fetching.
DMS_FN void dms_few_rows(const dms_product product, const dms_panel *panel, const size_t line) {
    enum { M = DMS_FEW_ROWS, N = DMS_FEW_OUTPUTS, HALF = N / 2 };
    const char *const *next = panel->next;
    if (panel->rows < M) {
        dms_part_tile(product, N, N, panel, 0, next, line);
    } else if (panel->rows == M) {
        dms_tile((dms_shape){product, M, N, N, line, 0}, panel, 0, next, NULL);
    } else {
        dms_tile((dms_shape){product, M, N, HALF, line, 0}, panel, 0, next, NULL);
        if (panel->rows < 2 * M) {
            dms_part_tile(product, N, N - HALF, panel, M, next + HALF, line);
        } else {
            dms_tile((dms_shape){product, M, N, N - HALF, line, 0}, panel, M, next + HALF, NULL);
        }
    }
}

// A whole tile that fetches `fetches` rows.
DMS_FN void dms_whole_tile(const dms_product product, const dms_panel *panel, size_t row, size_t fetches,
                           const char *const *fetch, const size_t line, float *widened, const int keeps) {
    enum { M = DMS_TILE_ROWS, N = DMS_TILE_OUTPUTS };
    if (fetches == 0) {
        dms_tile((dms_shape){product, M, N, 0, line, keeps}, panel, row, fetch, widened);
    } else if (fetches == 1) {
        dms_tile((dms_shape){product, M, N, 1, line, keeps}, panel, row, fetch, widened);
    } else if (fetches == 2) {
        dms_tile((dms_shape){product, M, N, 2, line, keeps}, panel, row, fetch, widened);
    } else if (fetches < N) {
        dms_tile((dms_shape){product, M, N, DMS_MIN(3, N), line, keeps}, panel, row, fetch, widened);
    } else {
        dms_tile((dms_shape){product, M, N, N, line, keeps}, panel, row, fetch, widened);
    }
}

// All rows, tile by tile. 16-bit weights are widened by the first tile for all of them: the same products in the same
// order, as a widened weight is the weight.
DMS_FN void dms_many_rows(const dms_product product, const dms_panel *panel, const size_t line) {
    enum { M = DMS_TILE_ROWS, N = DMS_TILE_OUTPUTS };
    const int widens = product != DMS_PRODUCT_F32 && product != DMS_PRODUCT_PAIRS;
    const dms_product later = widens ? DMS_PRODUCT_F32 : product;
    _Alignas(DMS_CACHE_LINE) float widened[N * DMS_WIDENED_STRIDE];
    dms_panel rest = *panel;
    size_t tiles = panel->rows / M;
    if (tiles == 0) {
        dms_part_tile(product, N, N, panel, 0, panel->next, line);
        return;
    }
    // The whole tiles share the fetching, so that memory stays busy while rows reuse the weights at hand.
    size_t each = (N + tiles - 1) / tiles, next = each, row = M;
    dms_whole_tile(product, panel, 0, each, panel->next, line, widened, widens);
    if (widens) {
        rest.depth = dms_round_up(panel->depth, dms_lanes((dms_shape){.product = product}));
        for (size_t n = 0; n < N; ++n) rest.weights[n] = widened + n * DMS_WIDENED_STRIDE;
    }
    for (; row + M <= panel->rows; row += M) {
        size_t fetches = DMS_MIN(each, N - next);
        dms_whole_tile(later, &rest, row, fetches, panel->next + next, line, NULL, 0);
        next += fetches;
    }
    dms_part_tile(later, N, 0, &rest, row, panel->next, line);
}

DMS_FN void dms_panel_products(const dms_panel *panel, const dms_product product) {
    const size_t line = DMS_CACHE_LINE / dms_element_bytes(dms_product_type(product));
    if (panel->outputs == DMS_FEW_OUTPUTS) {
        dms_few_rows(product, panel, line);
    } else {
        dms_many_rows(product, panel, line);
    }
}

DMS_TARGET static void dms_panel_f32(const dms_panel *panel) { dms_panel_products(panel, DMS_PRODUCT_F32); }
DMS_TARGET static void dms_panel_bf16(const dms_panel *panel) { dms_panel_products(panel, DMS_PRODUCT_BF16); }
DMS_TARGET static void dms_panel_f16(const dms_panel *panel) { dms_panel_products(panel, DMS_PRODUCT_F16); }

#define DMS_TILE_SHAPES                                                                                                \
    .sums = VF_LANES, .tile_rows = DMS_TILE_ROWS, .outputs = DMS_TILE_OUTPUTS, .few_rows = DMS_FEW_LIMIT,           \
    .few_outputs = DMS_FEW_OUTPUTS

#define DMS_WIDENED_PATH                                                                                               \
    .element_size = 4, .lanes = VF_LANES, .block = DMS_BLOCK_BYTES / 4, .gap = DMS_CACHE_LINE / 4, DMS_TILE_SHAPES

#define DMS_FP32_PATH                                                                                                  \
    { DMS_WIDENED_PATH, .prepare = dms_prepare_fp32, .panel = {dms_panel_f32, dms_panel_bf16, dms_panel_f16} }

// BF16 precision without BF16 products.
#define DMS_ROUNDED_PATH                                                                                               \
    { DMS_WIDENED_PATH, .prepare = dms_prepare_rounded, .panel = {NULL, dms_panel_bf16, NULL} }
