// What the driver of linear layers and the kernels of each instruction set agree on.
//
// Every product is in dot form: the lanes of a vector run along the inputs, one accumulator belongs to one
// (row, output), all inputs are summed in that accumulator from first to last, and its lanes are added by one fixed
// tree. How many rows and outputs share a register tile, and how many inputs are taken before the accumulators give way
// to those of another tile, changes none of this, which is why a row has the same bits in every batch.
#ifndef DMS_LINEAR_H
#define DMS_LINEAR_H

#include "dms_internal.h"

enum { DMS_PANEL_OUTPUTS_MAX = 8, DMS_WEIGHT_TYPES = 7, DMS_CACHE_LINE = 64 };

// Some rows of prepared inputs times up to `path->outputs` rows of a weight, over one block of inputs.
typedef struct dms_panel {
    const void *x;      // zero from `depth` up to a multiple of the path's lanes
    size_t x_stride;    // elements
    size_t rows;
    size_t depth;       // inputs in this block, at most the path's block
    size_t outputs;     // computed
    size_t width;       // outputs to store, 1...outputs
    const void *weights[DMS_PANEL_OUTPUTS_MAX];  // entries beyond `width` repeat the last row
    const char *next[DMS_PANEL_OUTPUTS_MAX];     // the weights of the panel that follows, or these again
    float *sums;        // [rows][outputs][lanes of a vector], kept from block to block
    int32_t begins;     // the first block: sums are zero
    int32_t ends;       // the last one: sums become outputs
    float *y;           // the first output of the first row
    size_t y_stride;
    const float *bias;  // of these outputs, or NULL
    int32_t adds;       // to what y holds
    // For grouped weights, of which a block holds whole groups:
    const uint16_t *scales[DMS_PANEL_OUTPUTS_MAX];  // from the block's first group on
    size_t group;
} dms_panel;

typedef void (*dms_panel_kernel)(const dms_panel *panel);
// Converts `count` inputs and writes zeros behind them up to `padded`.
typedef void (*dms_prepare_kernel)(const float *x, size_t count, size_t padded, void *prepared);

// One precision of one instruction set, for weights of floats or for grouped ones.
typedef struct dms_linear_path {
    size_t element_size;  // of prepared inputs
    size_t lanes;         // prepared rows are padded to a multiple of this
    size_t block;         // inputs taken at a time, a multiple of `lanes`
    size_t gap;           // elements between prepared rows beyond that: a cache line, so that rows use different sets
    size_t sums;          // lanes of an accumulator
    size_t tile_rows;     // a register tile
    size_t outputs;
    size_t few_rows;      // at most so many, up to two register tiles, have fewer outputs at a time, so that weights
    size_t few_outputs;   // are read nearly from end to end: memory is the limit
    dms_prepare_kernel prepare;
    dms_panel_kernel panel[DMS_WEIGHT_TYPES];  // by dms_dtype; NULL where the precision does not allow the type
} dms_linear_path;

typedef struct dms_tile_kernels dms_tile_kernels;

struct dms_linear_kernels {
    dms_linear_path fp32;
    dms_linear_path bf16;
    const dms_tile_kernels *tiles;  // take BF16 weights in BF16 precision instead; or NULL
    const dms_linear_path *grouped;  // by dms_precision, but for INT8
};

static inline int dms_is_grouped(dms_dtype type) { return type == DMS_GROUPED_INT8 || type == DMS_GROUPED_INT4; }
static inline int dms_is_in_panels(dms_dtype type) { return type >= DMS_PANELS_INT8; }

// Bytes of so many consecutive weights.
static inline size_t dms_weight_bytes(dms_dtype type, size_t count) {
    return type == DMS_GROUPED_INT4 ? count / 2 : count * dms_dtype_size(type);
}

extern const dms_linear_kernels dms_linear_portable;
extern const dms_linear_kernels dms_linear_neon;
extern const dms_linear_kernels dms_linear_avx2;
extern const dms_linear_kernels dms_linear_avx512;
extern const dms_linear_kernels dms_linear_avx512_bf16;
extern const dms_linear_kernels dms_linear_amx;
extern const dms_linear_kernels dms_linear_portable_tiles;

// How the drivers divide the outputs of a call: each layer into chunks of so many outputs, one after the other.
// A task has one of them, and some rows.
typedef struct dms_region {
    const dms_linear_output *output;
    size_t first, end;       // outputs
    size_t first_row, rows;  // of a pass
} dms_region;

size_t dms_all_outputs(const dms_linear_args *args);
size_t dms_chunk_count(const dms_linear_args *args, size_t chunk);
// Consecutive tasks take the same outputs for successive rows: weights come from memory once.
dms_region dms_region_at(const dms_linear_args *args, size_t chunk, size_t rows, size_t rows_per_task, size_t index);
// Little work takes less time than waking a thread.
int dms_is_little(const dms_linear_args *args, size_t rows);
void dms_run_tasks(dms_context *context, int serial, size_t count, dms_task task, void *info);

void dms_prepare_fp32(const float *x, size_t count, size_t padded, void *prepared);
// Rounded to BF16 and widened again, for instruction sets that multiply in FP32.
void dms_prepare_rounded(const float *x, size_t count, size_t padded, void *prepared);
#if defined(DMS_X86)
// Rounded to BF16, with AVX-512's instructions for it.
void dms_prepare_pairs(const float *x, size_t count, size_t padded, void *prepared);
#endif

#endif
