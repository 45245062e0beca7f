// Divides linear layers of 8-bit products among threads and walks each thread's part.

#include "dms_linear_int8.h"

#include "dms_arena.h"

enum {
    // Rows rounded at a time, which bounds the scratch memory of a long call.
    DMS_ROWS_PER_PASS = 1024,
    // Rows of a task at most: packed weights are used for all of them, and their inputs of one block stay in the
    // second-level cache.
    DMS_ROWS_PER_TASK = 512,
    // Panels of a task at most where rows are many; few rows take as long a stretch of weights as threads leave them.
    DMS_PANELS_PER_TASK = 8,
    DMS_FEW_ROWS = 32,
    DMS_ROWS_OF_PACKING = 8,
    // Tasks for each thread, so that threads finish together.
    DMS_TASKS_PER_THREAD = 4,
    DMS_SMALLEST_GROUP = 32,
    // Inputs rounded by one task.
    DMS_QUANTIZE_ELEMENTS = 32768,
};

// Scratch of one thread.
typedef struct {
    void *codes;      // a packed block
    float *scales;    // its scales
    float *sums;      // of a panel
    float *products;  // of a sweep
} int8_worker_t;

// One pass of a call: up to DMS_ROWS_PER_PASS rows.
typedef struct {
    const dms_linear_args *args;
    const dms_int8_kernels *kernels;
    size_t group, groups;  // of every output, as is the type
    int8_t *codes;         // [row][stride]
    size_t stride;
    float *scales;  // [row][groups]
    int32_t *sums;  // [row][groups]
    char *workers;
    size_t worker_bytes;
    size_t first_row, rows;
    size_t row_blocks, rows_per_block, rows_per_quantize;
    size_t chunk;  // outputs per task, whole panels
} int8_pass_t;

static int8_worker_t take_worker(dms_arena *arena, const int8_pass_t *pass) {
    size_t blocks = dms_ceiling_divide(pass->groups, DMS_INT8_GROUPS);
    int8_worker_t worker;
    worker.codes = dms_take(arena, DMS_INT8_PACKED * pass->kernels->element_size);
    worker.scales = dms_take(arena, DMS_INT8_GROUPS * DMS_INT8_OUTPUTS * sizeof(float));
    worker.sums = dms_take(arena, DMS_ROWS_PER_TASK * DMS_INT8_OUTPUTS * sizeof(float));
    worker.products = dms_take(arena, blocks * DMS_INT8_LANES * DMS_INT8_LANES * sizeof(float));
    return worker;
}

static size_t take_pass(int8_pass_t *pass, char *scratch, size_t rows, size_t in_features, size_t threads) {
    dms_arena worker = {NULL, 0}, arena = {scratch, 0};
    take_worker(&worker, pass);
    pass->worker_bytes = worker.used;
    rows = DMS_MIN(rows, (size_t)DMS_ROWS_PER_PASS);
    // Rows a power of two apart would share the sets of a cache.
    pass->stride = dms_round_up(in_features, DMS_INT8_UNIT) + DMS_CACHE_LINE;
    pass->codes = dms_take(&arena, rows * pass->stride);
    pass->scales = dms_take(&arena, rows * pass->groups * sizeof(float));
    pass->sums = dms_take(&arena, rows * pass->groups * sizeof(int32_t));
    pass->workers = dms_take(&arena, threads * pass->worker_bytes);
    return arena.used;
}

// One row whose weights are used in place.
static int is_sweep(const int8_pass_t *pass) { return pass->rows == 1 && pass->kernels->sweep; }

static void quantize_row(const int8_pass_t *pass, size_t row) {
    int8_t *codes = pass->codes + row * pass->stride;
    pass->kernels->quantize(pass->args->x + (pass->first_row + row) * pass->args->x_stride, pass->args->in_features,
                            pass->group, codes, pass->scales + row * pass->groups, pass->sums + row * pass->groups);
    if (is_sweep(pass) && pass->args->outputs->weight_type == DMS_GROUPED_INT4) {
        memset(codes + pass->args->in_features, 0, pass->stride - pass->args->in_features);
        pass->kernels->arrange(codes, pass->args->in_features);
    }
}

// Little work takes less time than waking a thread.
static void quantize_rows(void *info, size_t index, size_t worker) {
    const int8_pass_t *pass = info;
    size_t end = DMS_MIN((index + 1) * pass->rows_per_quantize, pass->rows);
    for (size_t row = index * pass->rows_per_quantize; row < end; ++row) quantize_row(pass, row);
}

// MARK: Outputs

// Some rows times some outputs of one layer. Consecutive tasks take the same outputs for successive rows.
typedef struct {
    const dms_linear_output *output;
    size_t first_row, rows;
    size_t first, end;
} int8_region_t;

static int8_region_t region_at(const int8_pass_t *pass, size_t index) {
    dms_outputs outputs = dms_chunk_at(pass->args, pass->chunk, index / pass->row_blocks);
    int8_region_t region = {.output = outputs.output, .first = outputs.first, .end = outputs.end};
    region.first_row = index % pass->row_blocks * pass->rows_per_block;
    region.rows = DMS_MIN(pass->rows_per_block, pass->rows - region.first_row);
    return region;
}

static void finish_panel(const int8_pass_t *pass, const int8_region_t *region, size_t n, const float *sums) {
    const dms_linear_output *output = region->output;
    size_t width = DMS_MIN((size_t)DMS_INT8_OUTPUTS, region->end - n);
    for (size_t row = 0; row < region->rows; ++row, sums += DMS_INT8_OUTPUTS) {
        float *y = output->y + (pass->first_row + region->first_row + row) * output->y_stride + n;
        if (!output->bias && !output->accumulate) {
            memcpy(y, sums, width * sizeof *y);
            continue;
        }
        for (size_t i = 0; i < width; ++i) {
            float total = output->accumulate ? y[i] + sums[i] : sums[i];
            y[i] = output->bias ? total + output->bias[n + i] : total;
        }
    }
}

static dms_int8_rows rows_of(const int8_pass_t *pass, const int8_region_t *region, size_t group) {
    return (dms_int8_rows){.codes = pass->codes + region->first_row * pass->stride + group * pass->group,
                           .stride = pass->stride,
                           .scales = pass->scales + region->first_row * pass->groups + group,
                           .sums = pass->sums + region->first_row * pass->groups + group,
                           .group_stride = pass->groups,
                           .count = region->rows};
}

// The panel of outputs from `n` on, for one row: weights are used once, in place.
static void sweep_panel(const int8_pass_t *pass, const int8_region_t *region, size_t n, const int8_worker_t *worker) {
    const dms_linear_output *output = region->output;
    dms_int8_sweep sweep = {.row_bytes = dms_weight_bytes(output->weight_type, pass->args->in_features),
                            .bits = output->weight_type == DMS_GROUPED_INT4 ? 4 : 8,
                            .groups = pass->groups,
                            .group = pass->group,
                            .row = rows_of(pass, region, 0),
                            .products = worker->products};
    sweep.offset = sweep.bits == 4 ? 8 : 128;
    for (size_t half = 0; half < DMS_INT8_OUTPUTS && n + half < region->end; half += DMS_INT8_LANES) {
        sweep.codes = (const uint8_t *)output->weight + (n + half) * sweep.row_bytes;
        sweep.scales = output->scales + (n + half) * pass->groups;
        sweep.outputs = DMS_MIN((size_t)DMS_INT8_LANES, region->end - n - half);
        pass->kernels->sweep(&sweep, worker->sums + half);
    }
    finish_panel(pass, region, n, worker->sums);
}

// The panel of outputs from `n` on: block after block of inputs is packed and used for all rows.
static void run_panel(const int8_pass_t *pass, const int8_region_t *region, size_t n, const int8_worker_t *worker) {
    const dms_linear_output *output = region->output;
    const int bits = output->weight_type == DMS_GROUPED_INT4 ? 4 : 8;
    const size_t row_bytes = dms_weight_bytes(output->weight_type, pass->args->in_features);
    const char *codes = output->weight;
    size_t next = DMS_MIN(n + DMS_INT8_OUTPUTS, region->end);
    size_t next_bytes = DMS_MIN(region->end - next, (size_t)DMS_INT8_OUTPUTS) * row_bytes;
    dms_int8_weights weights = {.bits = bits, .group = pass->group};
    dms_int8_block block = {
        .codes = worker->codes, .scales = worker->scales, .group = pass->group, .offset = bits == 4 ? 8 : 128};
    memset(worker->sums, 0, region->rows * DMS_INT8_OUTPUTS * sizeof(float));
    for (size_t g = 0; g < pass->groups; g += DMS_INT8_GROUPS) {
        block.groups = weights.groups = DMS_MIN((size_t)DMS_INT8_GROUPS, pass->groups - g);
        size_t first = g * pass->group, end = first + weights.groups * pass->group;
        for (size_t i = 0; i < DMS_INT8_OUTPUTS; ++i) {
            size_t row = DMS_MIN(n + i, region->end - 1);
            weights.codes[i] = (const uint8_t *)codes + row * row_bytes + dms_weight_bytes(output->weight_type, first);
            weights.scales[i] = output->scales + row * pass->groups + g;
        }
        size_t fetched = next_bytes * first / pass->args->in_features;
        size_t due = next_bytes * end / pass->args->in_features - fetched;
        // Memory is to be asked all the time, and packing takes as long as so many rows do.
        size_t packing = due * DMS_ROWS_OF_PACKING / (DMS_ROWS_OF_PACKING + region->rows);
        weights.next = (dms_int8_fetch){codes + next * row_bytes + fetched, packing};
        block.next = (dms_int8_fetch){weights.next.bytes + packing, due - packing};
        pass->kernels->pack(&weights, &block);
        dms_int8_rows rows = rows_of(pass, region, g);
        pass->kernels->multiply(&block, &rows, worker->sums);
    }
    finish_panel(pass, region, n, worker->sums);
}

static void run_region(void *info, size_t index, size_t worker_index) {
    const int8_pass_t *pass = info;
    int8_region_t region = region_at(pass, index);
    dms_arena arena = {pass->workers + worker_index * pass->worker_bytes, 0};
    int8_worker_t worker = take_worker(&arena, pass);
    for (size_t n = region.first; n < region.end; n += DMS_INT8_OUTPUTS) {
        if (is_sweep(pass)) {
            sweep_panel(pass, &region, n, &worker);
        } else {
            run_panel(pass, &region, n, &worker);
        }
    }
}

// MARK: A call

static void divide(int8_pass_t *pass, size_t outputs, size_t threads) {
    pass->row_blocks = dms_ceiling_divide(pass->rows, DMS_ROWS_PER_TASK);
    pass->rows_per_block = dms_ceiling_divide(pass->rows, pass->row_blocks);
    pass->rows_per_quantize = DMS_MAX((size_t)1, DMS_QUANTIZE_ELEMENTS / DMS_MAX(pass->args->in_features, (size_t)1));
    size_t share = dms_ceiling_divide(outputs * pass->row_blocks, threads * DMS_TASKS_PER_THREAD);
    size_t chunk = dms_round_up(DMS_MAX(share, (size_t)1), DMS_INT8_OUTPUTS);
    size_t widest = pass->rows <= DMS_FEW_ROWS ? SIZE_MAX : (size_t)DMS_PANELS_PER_TASK * DMS_INT8_OUTPUTS;
    pass->chunk = DMS_MIN(chunk, widest);
}

static void run_pass(dms_context *context, int8_pass_t *pass) {
    divide(pass, dms_all_outputs(pass->args), (size_t)context->threads);
    size_t chunks = dms_chunk_count(pass->args, pass->chunk);
    int serial = dms_is_little(pass->args, pass->rows);
    dms_run_tasks(context, serial, dms_ceiling_divide(pass->rows, pass->rows_per_quantize), quantize_rows, pass);
    dms_run_tasks(context, serial, chunks * pass->row_blocks, run_region, pass);
}

size_t dms_int8_scratch_bytes(const dms_context *context, const dms_int8_kernels *kernels, size_t rows,
                              size_t in_features) {
    int8_pass_t pass = {.kernels = kernels, .groups = dms_ceiling_divide(in_features, DMS_SMALLEST_GROUP)};
    return take_pass(&pass, NULL, rows, in_features, (size_t)context->threads) + DMS_ARENA_ALIGNMENT;
}

void dms_int8_linear(dms_context *context, const dms_int8_kernels *kernels, const dms_linear_args *args) {
    int8_pass_t pass = {.args = args, .kernels = kernels, .group = args->outputs->group};
    pass.groups = args->in_features / pass.group;
    char *scratch = (char *)dms_round_up((size_t)args->scratch, DMS_ARENA_ALIGNMENT);
    take_pass(&pass, scratch, args->rows, args->in_features, (size_t)context->threads);
    for (size_t row = 0; row < args->rows; row += DMS_ROWS_PER_PASS) {
        pass.first_row = row;
        pass.rows = DMS_MIN(args->rows - row, (size_t)DMS_ROWS_PER_PASS);
        run_pass(context, &pass);
    }
}
