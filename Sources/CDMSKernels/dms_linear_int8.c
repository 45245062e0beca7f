// Divides linear layers of 8-bit products among threads and walks each thread's part.

#include "dms_linear_int8.h"

#include "dms_arena.h"

enum {
    // Rows rounded at a time, which bounds the scratch memory of a long call.
    DMS_ROWS_PER_PASS = 1024,
    // Rows of a task at most: a block of weights is used for all of them while their inputs stay in the second-level
    // cache.
    DMS_ROWS_PER_TASK = 512,
    // Panels of a task at most where rows are many; few rows take as long a stretch of weights as threads leave them.
    DMS_PANELS_PER_TASK = 8,
    DMS_FEW_ROWS = 32,
    // Tasks for each thread, so that threads finish together.
    DMS_TASKS_PER_THREAD = 4,
    // Inputs rounded by one task.
    DMS_QUANTIZE_ELEMENTS = 32768,
};

const dms_int8_kernels *dms_int8_kernels_for(dms_isa isa) {
    switch (isa) {
#if defined(DMS_X86)
    case DMS_ISA_AVX2: return &dms_int8_kernels_avx2;
    case DMS_ISA_AVX2_VNNI: return &dms_int8_kernels_avx2_vnni;
    case DMS_ISA_AVX512: return dms_has_vnni() ? &dms_int8_kernels_vnni : &dms_int8_kernels_avx2;
    case DMS_ISA_AVX512_BF16:
    case DMS_ISA_AMX: return &dms_int8_kernels_vnni;
#endif
    default: return &dms_int8_kernels_portable;
    }
}

// One pass of a call: up to DMS_ROWS_PER_PASS rows.
typedef struct {
    const dms_linear_args *args;
    const dms_int8_kernels *kernels;
    int32_t bits;          // of every output
    size_t group, groups;  // and of every output
    size_t group_bytes;    // of a panel
    int8_t *codes;         // [row][stride]
    size_t stride;
    float *scales;  // [row][groups]
    int32_t *sums;  // [row][groups]
    char *workers;  // of each thread a panel's sums
    size_t worker_bytes;
    size_t first_row, rows;
    size_t row_blocks, rows_per_block, rows_per_quantize;
    size_t chunk;  // outputs per task, whole panels
} int8_pass_t;

static size_t take_pass(int8_pass_t *pass, char *scratch, size_t rows, size_t in_features, size_t threads) {
    dms_arena arena = {scratch, 0};
    rows = DMS_MIN(rows, (size_t)DMS_ROWS_PER_PASS);
    // Rows a power of two apart would share the sets of a cache.
    pass->stride = dms_round_up(in_features, DMS_CACHE_LINE) + DMS_CACHE_LINE;
    pass->codes = dms_take(&arena, rows * pass->stride);
    pass->scales = dms_take(&arena, rows * pass->groups * sizeof(float));
    pass->sums = dms_take(&arena, rows * pass->groups * sizeof(int32_t));
    pass->worker_bytes = DMS_MIN(rows, (size_t)DMS_ROWS_PER_TASK) * DMS_INT8_OUTPUTS * sizeof(float);
    pass->workers = dms_take(&arena, threads * pass->worker_bytes);
    return arena.used;
}

static void quantize_rows(void *info, size_t index, size_t worker) {
    const int8_pass_t *pass = info;
    size_t end = DMS_MIN((index + 1) * pass->rows_per_quantize, pass->rows);
    for (size_t row = index * pass->rows_per_quantize; row < end; ++row) {
        pass->kernels->quantize(pass->args->x + (pass->first_row + row) * pass->args->x_stride, pass->args->in_features,
                                pass->group, pass->codes + row * pass->stride, pass->scales + row * pass->groups,
                                pass->sums + row * pass->groups);
    }
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

// The panel of outputs from `n` on: block after block of inputs, each for all rows.
static void run_panel(const int8_pass_t *pass, const int8_region_t *region, size_t n, float *sums) {
    const size_t panel_bytes = pass->groups * pass->group_bytes;
    const uint8_t *panels = region->output->weight;
    const uint8_t *panel = panels + n / DMS_INT8_OUTPUTS * panel_bytes;
    const uint8_t *end = panels + dms_ceiling_divide(region->end, DMS_INT8_OUTPUTS) * panel_bytes;
    memset(sums, 0, region->rows * DMS_INT8_OUTPUTS * sizeof(float));
    for (size_t g = 0; g < pass->groups; g += DMS_INT8_GROUPS) {
        dms_int8_block block = {.groups = panel + g * pass->group_bytes,
                                .count = DMS_MIN((size_t)DMS_INT8_GROUPS, pass->groups - g),
                                .group = pass->group,
                                .bits = pass->bits};
        // Always as far ahead: the last block of a panel may be short.
        size_t left = (size_t)(end - block.groups), ahead = DMS_MIN(DMS_INT8_GROUPS * pass->group_bytes, left);
        block.next = block.groups + ahead;
        block.next_bytes = DMS_MIN(left - ahead, block.count * pass->group_bytes);
        dms_int8_rows rows = rows_of(pass, region, g);
        pass->kernels->multiply(&block, &rows, sums);
    }
    finish_panel(pass, region, n, sums);
}

static void run_region(void *info, size_t index, size_t worker) {
    const int8_pass_t *pass = info;
    int8_region_t region = region_at(pass, index);
    float *sums = (float *)(pass->workers + worker * pass->worker_bytes);
    for (size_t n = region.first; n < region.end; n += DMS_INT8_OUTPUTS) run_panel(pass, &region, n, sums);
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
    int8_pass_t pass = {.kernels = kernels, .groups = dms_ceiling_divide(in_features, DMS_INT8_GROUP_MIN)};
    return take_pass(&pass, NULL, rows, in_features, (size_t)context->threads) + DMS_ARENA_ALIGNMENT;
}

void dms_int8_linear(dms_context *context, const dms_int8_kernels *kernels, const dms_linear_args *args) {
    int8_pass_t pass = {.args = args, .kernels = kernels, .group = args->outputs->group};
    pass.bits = args->outputs->weight_type == DMS_PANELS_INT4 ? 4 : 8;
    pass.groups = args->in_features / pass.group;
    pass.group_bytes = dms_int8_group_bytes(pass.bits, pass.group);
    char *scratch = (char *)dms_round_up((size_t)args->scratch, DMS_ARENA_ALIGNMENT);
    take_pass(&pass, scratch, args->rows, args->in_features, (size_t)context->threads);
    for (size_t row = 0; row < args->rows; row += DMS_ROWS_PER_PASS) {
        pass.first_row = row;
        pass.rows = DMS_MIN(args->rows - row, (size_t)DMS_ROWS_PER_PASS);
        run_pass(context, &pass);
    }
}
