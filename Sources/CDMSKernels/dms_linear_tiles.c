// Divides linear layers among threads and walks each thread's part, for processors with matrix tiles.

#include "dms_linear_tiles.h"

enum {
    // Rows prepared at a time, which bounds the scratch memory of a long call.
    DMS_ROWS_PER_PASS = 1024,
    // At most so many row groups are taken with all inputs at once, their sums staying in the processor's tiles.
    DMS_GROUPS_OF_ONE_SWEEP = DMS_TILE_ROW_GROUPS,
    // Groups whose inputs of one block stay in the second-level cache while a thread goes through its outputs.
    DMS_GROUPS_PER_TASK = 16,
    // Inputs at a time beyond one sweep: a panel's weights stay in the first-level cache.
    DMS_INPUTS_PER_BLOCK = 512,
    // Tasks for each thread, so that threads finish together.
    DMS_TASKS_PER_THREAD = 4,
    // Panels of a task at most.
    DMS_PANELS_PER_TASK = 8,
    DMS_SUMS_OF_GROUP = DMS_TILE_SUMS * DMS_TILE_OUTPUT_BLOCKS,
};

// One pass of a call: up to DMS_ROWS_PER_PASS rows.
typedef struct dms_tile_pass {
    const dms_linear_args *args;
    const dms_tile_kernels *kernels;
    uint16_t *prepared;  // group after group
    size_t group_elements;
    float *sums;  // of each thread's panel
    size_t first_row, rows;
    size_t groups, groups_per_task, group_blocks;
    size_t chunk;  // outputs per task, whole panels
} dms_tile_pass;

static size_t dms_group_elements(size_t in_features) {
    return dms_round_up(in_features, DMS_TILE_STEP) * DMS_TILE;
}

static void dms_prepare_group(void *info, size_t index, size_t worker) {
    const dms_tile_pass *pass = info;
    size_t row = index * DMS_TILE;
    const float *x = pass->args->x + (pass->first_row + row) * pass->args->x_stride;
    pass->kernels->prepare(x, pass->args->x_stride, DMS_MIN(pass->rows - row, (size_t)DMS_TILE), pass->args->in_features,
                           pass->prepared + index * pass->group_elements);
}

// MARK: Outputs

// Where a block of outputs from `n` on begins to read: outputs that exist, if there are as many as a tile has.
static size_t dms_first_of_block(const dms_linear_output *output, size_t n) {
    return n + DMS_TILE <= output->out_features ? n
           : output->out_features < DMS_TILE    ? 0
                                                : output->out_features - DMS_TILE;
}

static const uint16_t *dms_weights_at(const dms_tile_pass *pass, const dms_linear_output *output, size_t n) {
    return (const uint16_t *)output->weight + n * pass->args->in_features;
}

static void dms_finish_panel(const dms_tile_pass *pass, const dms_region *region, size_t n, const float *sums) {
    const dms_linear_output *output = region->output;
    for (size_t g = 0; g < region->rows; ++g) {
        size_t row = (region->first_row + g) * DMS_TILE;
        size_t rows = DMS_MIN(pass->rows - row, (size_t)DMS_TILE);
        for (size_t b = 0; b < DMS_TILE_OUTPUT_BLOCKS && n + b * DMS_TILE < region->end; ++b) {
            size_t begin = n + b * DMS_TILE, from = dms_first_of_block(output, begin);
            pass->kernels->finish(sums + g * DMS_SUMS_OF_GROUP + b * DMS_TILE_SUMS, begin - from,
                                  DMS_MIN(begin + DMS_TILE, region->end) - from, rows, output,
                                  output->y + (pass->first_row + row) * output->y_stride + from,
                                  output->bias ? output->bias + from : NULL);
        }
    }
}

static void dms_run_tile_panel(const dms_tile_pass *pass, const dms_region *region, size_t n, float *sums) {
    const dms_linear_output *output = region->output;
    const size_t in_features = pass->args->in_features;
    dms_tile_panel panel = {
        .outputs = DMS_MIN(output->out_features, (size_t)DMS_TILE),
        .in_features = in_features,
        .group_elements = pass->group_elements,
        .groups = region->rows,
        .sums = sums,
    };
    size_t firsts[DMS_TILE_OUTPUT_BLOCKS];
    for (size_t b = 0; b < DMS_TILE_OUTPUT_BLOCKS; ++b) {
        // A block beyond the region repeats the first one; nobody finishes it.
        size_t begin = n + b * DMS_TILE;
        firsts[b] = dms_first_of_block(output, begin < region->end ? begin : n);
    }
    const uint16_t *rows = pass->prepared + region->first_row * pass->group_elements;
    size_t block = region->rows <= DMS_GROUPS_OF_ONE_SWEEP ? DMS_MAX(in_features, (size_t)1) : DMS_INPUTS_PER_BLOCK;
    size_t blocks = DMS_MAX(dms_ceiling_divide(in_features, block), (size_t)1);
    size_t next = DMS_MIN(n + DMS_TILE_PANEL, region->end);
    const char *fetch = (const char *)dms_weights_at(pass, output, next);
    size_t fetch_bytes = DMS_MIN(region->end - next, (size_t)DMS_TILE_PANEL) * in_features * sizeof(uint16_t);
    for (size_t i = 0; i < blocks; ++i) {
        size_t first = i * block;
        panel.inputs = DMS_MIN(block, in_features - first);
        for (size_t b = 0; b < DMS_TILE_OUTPUT_BLOCKS; ++b) {
            panel.weights[b] = dms_weights_at(pass, output, firsts[b]) + first;
        }
        panel.rows = rows + first * DMS_TILE;
        panel.begins = i == 0;
        size_t begin = fetch_bytes * i / blocks, end = fetch_bytes * (i + 1) / blocks;
        panel.next = fetch + begin;
        panel.next_bytes = end - begin;
        pass->kernels->panel(&panel);
    }
    dms_finish_panel(pass, region, n, sums);
}

static void dms_tile_task(void *info, size_t index, size_t worker) {
    const dms_tile_pass *pass = info;
    // Its rows are groups of them.
    dms_region region = dms_region_at(pass->args, pass->chunk, pass->groups, pass->groups_per_task, index);
    pass->kernels->begin();
    for (size_t n = region.first; n < region.end; n += DMS_TILE_PANEL) {
        dms_run_tile_panel(pass, &region, n, pass->sums + worker * DMS_GROUPS_PER_TASK * DMS_SUMS_OF_GROUP);
    }
    pass->kernels->end();
}

// MARK: A call

static void dms_divide_tiles(dms_tile_pass *pass, size_t outputs, size_t threads) {
    pass->groups = dms_ceiling_divide(pass->rows, DMS_TILE);
    pass->group_blocks = dms_ceiling_divide(pass->groups, DMS_GROUPS_PER_TASK);
    pass->groups_per_task = dms_round_up(dms_ceiling_divide(pass->groups, pass->group_blocks), DMS_TILE_ROW_GROUPS);
    pass->group_blocks = dms_ceiling_divide(pass->groups, pass->groups_per_task);
    size_t share = dms_ceiling_divide(outputs * pass->group_blocks, threads * DMS_TASKS_PER_THREAD);
    size_t chunk = dms_round_up(DMS_MAX(share, (size_t)1), DMS_TILE_PANEL);
    pass->chunk = DMS_MIN(chunk, (size_t)DMS_PANELS_PER_TASK * DMS_TILE_PANEL);
}

static void dms_run_tile_pass(dms_context *context, dms_tile_pass *pass) {
    dms_divide_tiles(pass, dms_all_outputs(pass->args), (size_t)context->threads);
    size_t chunks = dms_chunk_count(pass->args, pass->chunk);
    int serial = dms_is_little(pass->args, pass->rows);
    dms_run_tasks(context, serial || pass->groups == 1, pass->groups, dms_prepare_group, pass);
    dms_run_tasks(context, serial, chunks * pass->group_blocks, dms_tile_task, pass);
}

static size_t dms_tile_prepared_bytes(size_t rows, size_t in_features) {
    size_t groups = dms_ceiling_divide(DMS_MIN(rows, (size_t)DMS_ROWS_PER_PASS), DMS_TILE);
    return groups * dms_group_elements(in_features) * sizeof(uint16_t);
}

size_t dms_tile_scratch_bytes(const dms_context *context, size_t rows, size_t in_features) {
    size_t sums = (size_t)DMS_GROUPS_PER_TASK * DMS_SUMS_OF_GROUP * sizeof(float) * (size_t)context->threads;
    return DMS_CACHE_LINE + dms_tile_prepared_bytes(rows, in_features) + sums;
}

void dms_tile_linear(dms_context *context, const dms_tile_kernels *kernels, const dms_linear_args *args) {
    dms_tile_pass pass = {.args = args, .kernels = kernels};
    char *scratch = (char *)dms_round_up((size_t)args->scratch, DMS_CACHE_LINE);
    pass.prepared = (uint16_t *)scratch;
    pass.group_elements = dms_group_elements(args->in_features);
    pass.sums = (float *)(scratch + dms_tile_prepared_bytes(args->rows, args->in_features));
    for (size_t row = 0; row < args->rows; row += DMS_ROWS_PER_PASS) {
        pass.first_row = row;
        pass.rows = DMS_MIN(args->rows - row, (size_t)DMS_ROWS_PER_PASS);
        dms_run_tile_pass(context, &pass);
    }
}
