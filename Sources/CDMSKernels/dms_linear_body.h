// The panel kernels of one instruction set, written once over the vectors of the dms_simd_*.h included before. The
// including file defines
//
//   DMS_TILE_ROWS, DMS_TILE_OUTPUTS   the register tile
//   DMS_FEW_ROWS, DMS_FEW_OUTPUTS     the one for few rows
//   dms_finish_row(panel, y, bias, sums)   adds the lanes of DMS_TILE_OUTPUTS accumulators and stores the outputs
//
// and, where the processor multiplies BF16 pairs (twice as many inputs in a vector as there are sums),
//
//   DMS_LOAD_PAIRS_N(p, n)   the first n inputs, zeros behind
//   DMS_DOT_PAIRS(a, b, sum)   sum + a . b

#include "dms_linear.h"

enum {
    DMS_BLOCK_BYTES = 4096,  // of a prepared row: a tile's rows and weights stay in the first-level cache
    DMS_ROWS_MAX = DMS_TILE_ROWS > DMS_FEW_ROWS ? DMS_TILE_ROWS : DMS_FEW_ROWS,
    // From so many rows on, widening the weights of a panel once costs less than doing it in every tile.
    DMS_WIDEN_ROWS = 4 * DMS_TILE_ROWS,
};

// How a vector of inputs meets a vector of weights.
typedef enum dms_product {
    DMS_PRODUCT_F32,
    DMS_PRODUCT_BF16,  // widened, as is F16
    DMS_PRODUCT_F16,
    DMS_PRODUCT_PAIRS,
} dms_product;

DMS_FN dms_dtype dms_product_type(const dms_product product) {
    return product == DMS_PRODUCT_F32 ? DMS_F32 : product == DMS_PRODUCT_F16 ? DMS_F16 : DMS_BF16;
}

DMS_FN vf dms_load_weights(const dms_product product, const char *p) {
    return product == DMS_PRODUCT_PAIRS ? vf_load((const float *)p) : vf_load_elements(dms_product_type(product), p);
}

DMS_FN vf dms_load_weights_n(const dms_product product, const char *p, size_t n) {
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
} dms_shape;

DMS_FN size_t dms_x_size(const dms_shape shape) { return shape.product == DMS_PRODUCT_PAIRS ? 2 : 4; }
DMS_FN size_t dms_w_size(const dms_shape shape) { return dms_element_bytes(dms_product_type(shape.product)); }
DMS_FN size_t dms_lanes(const dms_shape shape) { return shape.product == DMS_PRODUCT_PAIRS ? 2 * VF_LANES : VF_LANES; }
// Inputs whose weights fill a cache line.
DMS_FN size_t dms_line(const dms_shape shape) { return DMS_CACHE_LINE / dms_w_size(shape); }

// One vector of inputs of every row times one of weights of every output.
DMS_FN void dms_add_vector(const dms_shape shape, const char *x, size_t x_bytes, const char *const *w, size_t k,
                           vf (*sums)[DMS_TILE_OUTPUTS]) {
    vf a[DMS_ROWS_MAX];
    for (size_t m = 0; m < shape.rows; ++m) a[m] = vf_load((const float *)(x + k * dms_x_size(shape) + m * x_bytes));
    for (size_t n = 0; n < shape.outputs; ++n) {
        vf b = dms_load_weights(shape.product, w[n] + k * dms_w_size(shape));
        for (size_t m = 0; m < shape.rows; ++m) sums[m][n] = dms_multiply_add(shape.product, a[m], b, sums[m][n]);
    }
}

// Inputs k ..< end in whole lines of weights, fetching lines from `fetch` on; returns the first input left.
DMS_FN size_t dms_add_lines(const dms_shape shape, const char *x, size_t x_bytes, const char *const *w, size_t k,
                            size_t end, const char *fetch, vf (*sums)[DMS_TILE_OUTPUTS]) {
    for (; k + dms_line(shape) <= end; k += dms_line(shape)) {
        for (size_t i = 0; i < shape.fetches; ++i) __builtin_prefetch(fetch + i * DMS_CACHE_LINE, 0, 3);
        fetch += shape.fetches * DMS_CACHE_LINE;
        for (size_t j = 0; j < dms_line(shape); j += dms_lanes(shape)) {
            dms_add_vector(shape, x, x_bytes, w, k + j, sums);
        }
    }
    return k;
}

// The inputs that do not fill a line: vector by vector, the last one with zeros behind.
DMS_FN void dms_add_rest(const dms_shape shape, const char *x, size_t x_bytes, const char *const *w, size_t k,
                         size_t depth, vf (*sums)[DMS_TILE_OUTPUTS]) {
    for (; k + dms_lanes(shape) <= depth; k += dms_lanes(shape)) dms_add_vector(shape, x, x_bytes, w, k, sums);
    if (k == depth) return;
    for (size_t n = 0; n < shape.outputs; ++n) {
        vf b = dms_load_weights_n(shape.product, w[n] + k * dms_w_size(shape), depth - k);
        for (size_t m = 0; m < shape.rows; ++m) {
            vf a = vf_load((const float *)(x + k * dms_x_size(shape) + m * x_bytes));
            sums[m][n] = dms_multiply_add(shape.product, a, b, sums[m][n]);
        }
    }
}

// `fetch` are shape.fetches rows of the next panel. They are fetched one after another, as if reading memory from end
// to end: that is what hardware prefetchers understand, and several rows at once reach half the bandwidth.
DMS_FN void dms_tile(const dms_shape shape, const dms_panel *panel, size_t first_row, const char *const *fetch) {
    const size_t x_bytes = panel->x_stride * dms_x_size(shape);
    const char *x = (const char *)panel->x + first_row * x_bytes, *w[DMS_TILE_OUTPUTS];
    vf sums[DMS_ROWS_MAX][DMS_TILE_OUTPUTS];
    for (size_t n = 0; n < shape.outputs; ++n) w[n] = panel->weights[n];
    for (size_t m = 0; m < shape.rows; ++m) {
        for (size_t n = 0; n < DMS_TILE_OUTPUTS; ++n) sums[m][n] = vf_set1(0.0f);
    }
    size_t k = 0;
    for (size_t i = 0; i + 1 < shape.fetches; ++i) {
        size_t end = panel->depth / dms_line(shape) * (i + 1) / shape.fetches * dms_line(shape);
        k = dms_add_lines(shape, x, x_bytes, w, k, end, fetch[i], sums);
    }
    const char *last = shape.fetches == 0 ? x : fetch[shape.fetches - 1];
    k = dms_add_lines(shape, x, x_bytes, w, k, panel->depth, last, sums);
    dms_add_rest(shape, x, x_bytes, w, k, panel->depth, sums);
    for (size_t m = 0; m < shape.rows; ++m) {
        dms_finish_row(panel, panel->y + (first_row + m) * panel->y_stride, panel->bias, sums[m]);
    }
}

DMS_FN void dms_few_rows(const dms_product product, const dms_panel *panel) {
    enum { N = DMS_FEW_OUTPUTS };
    switch (panel->rows) {
    case 1: dms_tile((dms_shape){product, 1, N, N}, panel, 0, panel->next); break;
    case 2: dms_tile((dms_shape){product, 2, N, N}, panel, 0, panel->next); break;
    case 3: dms_tile((dms_shape){product, DMS_MIN(3, DMS_FEW_ROWS), N, N}, panel, 0, panel->next); break;
    default: dms_tile((dms_shape){product, DMS_FEW_ROWS, N, N}, panel, 0, panel->next); break;
    }
}

// All rows, tile by tile, fetching `fetched` rows of the next panel.
DMS_FN void dms_tiles(const dms_product product, const dms_panel *panel, const size_t fetched) {
    enum { M = DMS_TILE_ROWS, N = DMS_TILE_OUTPUTS };
    // The whole tiles share the fetching, so that memory stays busy while rows reuse the weights at hand.
    size_t tiles = panel->rows / M, row = 0, next = 0;
    size_t each = tiles == 0 ? 0 : (fetched + tiles - 1) / tiles;
    for (; row + M <= panel->rows; row += M) {
        size_t fetches = DMS_MIN(each, fetched - next);
        const char *const *fetch = panel->next + next;
        if (fetches == 0) {
            dms_tile((dms_shape){product, M, N, 0}, panel, row, fetch);
        } else if (fetches == 1) {
            dms_tile((dms_shape){product, M, N, 1}, panel, row, fetch);
        } else if (fetches == 2) {
            dms_tile((dms_shape){product, M, N, 2}, panel, row, fetch);
        } else if (fetches < N) {
            dms_tile((dms_shape){product, M, N, DMS_MIN(3, N)}, panel, row, fetch);
        } else {
            dms_tile((dms_shape){product, M, N, N}, panel, row, fetch);
        }
        next += fetches;
    }
    switch (panel->rows - row) {
    case 1: dms_tile((dms_shape){product, 1, N, 0}, panel, row, panel->next); break;
    case 2: dms_tile((dms_shape){product, DMS_MIN(2, M), N, 0}, panel, row, panel->next); break;
    case 3: dms_tile((dms_shape){product, DMS_MIN(3, M), N, 0}, panel, row, panel->next); break;
    default: break;
    }
}

// Widens the weights of a panel, and fetches those of the next meanwhile, row after row.
DMS_FN void dms_widen(const dms_product product, const dms_panel *panel, float *widened) {
    const dms_dtype type = dms_product_type(product);
    const size_t size = dms_element_bytes(type), line = DMS_CACHE_LINE / dms_element_bytes(type);
    for (size_t n = 0; n < DMS_TILE_OUTPUTS; ++n) {
        const char *row = panel->weights[n], *next = panel->next[n];
        float *out = widened + n * (DMS_BLOCK_BYTES / 4);
        size_t k = 0;
        for (; k + line <= panel->depth; k += line) {
            __builtin_prefetch(next + k * size, 0, 2);
            for (size_t j = k; j < k + line; j += VF_LANES) vf_store(out + j, vf_load_elements(type, row + j * size));
        }
        for (; k < panel->depth; k += VF_LANES) {
            size_t left = DMS_MIN((size_t)VF_LANES, panel->depth - k);
            vf_store(out + k, vf_load_elements_n(type, row + k * size, left));
        }
    }
}

// The same products in the same order: a widened weight is the weight.
DMS_FN void dms_many_rows_widened(const dms_product product, const dms_panel *panel) {
    _Alignas(DMS_CACHE_LINE) float widened[DMS_TILE_OUTPUTS * (DMS_BLOCK_BYTES / 4)];
    dms_panel wide = *panel;
    dms_widen(product, panel, widened);
    for (size_t n = 0; n < DMS_TILE_OUTPUTS; ++n) wide.weights[n] = widened + n * (DMS_BLOCK_BYTES / 4);
    dms_tiles(DMS_PRODUCT_F32, &wide, 0);
}

DMS_FN void dms_many_rows(const dms_product product, const dms_panel *panel) {
    if ((product == DMS_PRODUCT_BF16 || product == DMS_PRODUCT_F16) && panel->rows >= DMS_WIDEN_ROWS) {
        dms_many_rows_widened(product, panel);
    } else {
        dms_tiles(product, panel, DMS_TILE_OUTPUTS);
    }
}

DMS_FN void dms_panel_products(const dms_panel *panel, const dms_product product) {
    if (panel->outputs == DMS_FEW_OUTPUTS) {
        dms_few_rows(product, panel);
    } else {
        dms_many_rows(product, panel);
    }
}

DMS_TARGET static void dms_panel_f32(const dms_panel *panel) { dms_panel_products(panel, DMS_PRODUCT_F32); }
DMS_TARGET static void dms_panel_bf16(const dms_panel *panel) { dms_panel_products(panel, DMS_PRODUCT_BF16); }
DMS_TARGET static void dms_panel_f16(const dms_panel *panel) { dms_panel_products(panel, DMS_PRODUCT_F16); }

#define DMS_TILE_SHAPES                                                                                                \
    .tile_rows = DMS_TILE_ROWS, .outputs = DMS_TILE_OUTPUTS, .few_rows = DMS_FEW_ROWS, .few_outputs = DMS_FEW_OUTPUTS

#define DMS_WIDENED_PATH                                                                                               \
    .element_size = 4, .lanes = VF_LANES, .block = DMS_BLOCK_BYTES / 4, DMS_TILE_SHAPES

#define DMS_FP32_PATH                                                                                                  \
    { DMS_WIDENED_PATH, .prepare = dms_prepare_fp32, .panel = {dms_panel_f32, dms_panel_bf16, dms_panel_f16} }

// BF16 precision without BF16 products.
#define DMS_ROUNDED_PATH                                                                                               \
    { DMS_WIDENED_PATH, .prepare = dms_prepare_rounded, .panel = {NULL, dms_panel_bf16, NULL} }
