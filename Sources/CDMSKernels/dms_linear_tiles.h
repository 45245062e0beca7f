// Linear layers on a processor with matrix tiles: what the driver and the kernels agree on.
//
// A tile of weights is DMS_TILE outputs times 2 * DMS_TILE inputs as they lie in memory; a tile of inputs is as many
// inputs of DMS_TILE rows, in pairs: [pair][row][2]. Their product is added to DMS_TILE x DMS_TILE sums, [output][row].
// Every sum takes its inputs step by step from first to last, whatever rows and outputs are its neighbours and wherever
// it was put down in between, which is why a row has the same bits in every batch.
#ifndef DMS_LINEAR_TILES_H
#define DMS_LINEAR_TILES_H

#include "dms_linear.h"

enum {
    DMS_TILE = 16,
    DMS_TILE_STEP = 32,                               // inputs of a product of tiles
    DMS_TILE_ELEMENTS = DMS_TILE * DMS_TILE_STEP,     // of a tile of weights or inputs
    DMS_TILE_SUMS = DMS_TILE * DMS_TILE,              // of a tile of sums
    DMS_TILE_OUTPUT_BLOCKS = 2,                       // a panel: two tiles of outputs ...
    DMS_TILE_ROW_GROUPS = 2,                          // ... times one or two of rows
    DMS_TILE_PANEL = DMS_TILE * DMS_TILE_OUTPUT_BLOCKS,
};

// Up to DMS_TILE_PANEL outputs over some inputs, times groups of rows.
typedef struct dms_tile_panel {
    const uint16_t *weights[DMS_TILE_OUTPUT_BLOCKS];  // the first of DMS_TILE outputs each, at the first input
    size_t outputs;         // in memory behind each of them, 1...DMS_TILE; those missing count as zeros
    size_t in_features;     // elements from output to output
    size_t inputs;          // of this panel
    const char *next;       // bytes to fetch meanwhile: what will be read next, as it lies in memory
    size_t next_bytes;      // 0 for nothing
    const uint16_t *rows;   // prepared, of the first group at the first input
    size_t group_elements;  // from group to group
    size_t groups;
    float *sums;            // [group][output block][output][row]
    int32_t begins;         // sums are zero and not what `sums` holds
} dms_tile_panel;

struct dms_tile_kernels {
    // Makes tiles of `rows` rows, at most DMS_TILE, missing rows and inputs being zeros.
    void (*prepare)(const float *x, size_t x_stride, size_t rows, size_t inputs, uint16_t *prepared);
    // Sums a panel, on a thread that called `begin`.
    void (*panel)(const dms_tile_panel *panel);
    // y[row][output] of one tile of sums: outputs `first` ..< `end` of it, of its first `rows` rows.
    void (*finish)(const float *sums, size_t first, size_t end, size_t rows, const dms_linear_output *output, float *y,
                   const float *bias);
    void (*begin)(void);
    void (*end)(void);
};

extern const dms_tile_kernels dms_tile_kernels_portable;

size_t dms_tile_scratch_bytes(const dms_context *context, size_t rows, size_t in_features);
void dms_tile_linear(dms_context *context, const dms_tile_kernels *kernels, const dms_linear_args *args);

#if defined(DMS_X86)
// Whether processor and system have tiles; asks the system to keep them for this process.
int dms_amx_available(void);
// Rounds of `products` multiply-adds from tiles at hand.
void dms_chain_amx(size_t rounds);
enum { DMS_CHAIN_AMX_PRODUCTS = 4 * DMS_TILE * DMS_TILE * DMS_TILE_STEP };
extern const dms_tile_kernels dms_tile_kernels_amx;
#endif

#endif
