// Divides linear layers whose weights lie in panels among threads and walks each thread's part.

#include "dms_linear_int8.h"

#include "dms_arena.h"

enum {
    // Rows prepared at a time, which bounds the scratch memory of a long call.
    DMS_ROWS_PER_PASS = 1024,
    // Panels of a task at most where rows are many; few rows take as long a stretch of weights as threads leave them.
    DMS_PANELS_PER_TASK = 8,
    DMS_FEW_ROWS = 32,
    // Tasks for each thread, so that threads finish together.
    DMS_TASKS_PER_THREAD = 4,
    // Inputs prepared by one task.
    DMS_PREPARE_ELEMENTS = 32768,
};

static const dms_panels_kernels *kernels_of_integers(dms_isa isa) {
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

static const dms_panels_kernels *kernels_of_floats(dms_isa isa, int rounds) {
    switch (isa) {
#if defined(DMS_X86)
    case DMS_ISA_AVX2:
    case DMS_ISA_AVX2_VNNI: return rounds ? &dms_panels_bf16_avx2 : &dms_panels_fp32_avx2;
    case DMS_ISA_AVX512: return rounds ? &dms_panels_bf16_avx512 : &dms_panels_fp32_avx512;
    case DMS_ISA_AVX512_BF16:
    case DMS_ISA_AMX: return rounds ? &dms_panels_pairs_avx512_bf16 : &dms_panels_fp32_avx512;
#endif
#if defined(DMS_ARM)
    case DMS_ISA_NEON: return rounds ? &dms_panels_bf16_neon : &dms_panels_fp32_neon;
#endif
    default: return rounds ? &dms_panels_bf16_portable : &dms_panels_fp32_portable;
    }
}

const dms_panels_kernels *dms_panels_kernels_for(dms_isa isa, dms_precision precision) {
    return precision == DMS_PRECISION_INT8 ? kernels_of_integers(isa)
                                           : kernels_of_floats(isa, precision == DMS_PRECISION_BF16);
}

// One pass of a call: up to DMS_ROWS_PER_PASS rows.
typedef struct {
    const dms_linear_args *args;
    const dms_panels_kernels *kernels;
    int is_integers;
    int32_t bits;          // of every output
    size_t group, groups;  // and of every output
    size_t group_bytes;    // of a panel
    size_t block;          // groups that are taken at a time
    char *inputs;          // [row][stride] prepared elements
    size_t stride;
    float *scales;  // [row][groups], of integers
    int32_t *sums;  // [row][groups], of integers
    char *workers;  // of each thread a panel's sums
    size_t worker_bytes;
    size_t first_row, rows;
    size_t row_blocks, rows_per_block, rows_per_prepare;
    size_t chunk;  // outputs per task, whole panels
} panels_pass_t;

static size_t take_pass(panels_pass_t *pass, char *scratch, size_t rows, size_t in_features, size_t threads) {
    dms_arena arena = {scratch, 0};
    rows = DMS_MIN(rows, (size_t)DMS_ROWS_PER_PASS);
    // Rows a power of two apart would share the sets of a cache.
    pass->stride = dms_round_up(in_features, DMS_CACHE_LINE) + DMS_CACHE_LINE;
    pass->inputs = dms_take(&arena, rows * pass->stride * pass->kernels->element_size);
    if (pass->is_integers) {
        pass->scales = dms_take(&arena, rows * pass->groups * sizeof(float));
        pass->sums = dms_take(&arena, rows * pass->groups * sizeof(int32_t));
    }
    pass->worker_bytes = DMS_MIN(rows, pass->kernels->rows_per_task) * DMS_PANELS_OUTPUTS * sizeof(float);
    pass->workers = dms_take(&arena, threads * pass->worker_bytes);
    return arena.used;
}

static void prepare_rows(void *info, size_t index, size_t worker) {
    const panels_pass_t *pass = info;
    size_t end = DMS_MIN((index + 1) * pass->rows_per_prepare, pass->rows);
    for (size_t row = index * pass->rows_per_prepare; row < end; ++row) {
        const float *x = pass->args->x + (pass->first_row + row) * pass->args->x_stride;
        char *inputs = pass->inputs + row * pass->stride * pass->kernels->element_size;
        size_t first = pass->is_integers ? row * pass->groups : 0;
        pass->kernels->prepare(x, pass->args->in_features, pass->group, inputs, pass->scales + first,
                               pass->sums + first);
    }
}

// MARK: Outputs

static void finish_panel(const panels_pass_t *pass, const dms_region *region, size_t n, const float *sums) {
    const dms_linear_output *output = region->output;
    size_t width = DMS_MIN((size_t)DMS_PANELS_OUTPUTS, region->end - n);
    for (size_t row = 0; row < region->rows; ++row, sums += DMS_PANELS_OUTPUTS) {
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

static dms_panels_rows rows_of(const panels_pass_t *pass, const dms_region *region, size_t group) {
    const size_t first = region->first_row * pass->stride + group * pass->group;
    dms_panels_rows rows = {.inputs = pass->inputs + first * pass->kernels->element_size,
                            .stride = pass->stride,
                            .count = region->rows};
    if (pass->is_integers) {
        rows.scales = pass->scales + region->first_row * pass->groups + group;
        rows.sums = pass->sums + region->first_row * pass->groups + group;
        rows.group_stride = pass->groups;
    }
    return rows;
}

// The panel of outputs from `n` on: block after block of inputs, each for all rows.
static void run_panel(const panels_pass_t *pass, const dms_region *region, size_t n, float *sums) {
    const size_t panel_bytes = pass->groups * pass->group_bytes, most = pass->block;
    const uint8_t *panels = region->output->weight;
    const uint8_t *panel = panels + n / DMS_PANELS_OUTPUTS * panel_bytes;
    const uint8_t *end = panels + dms_ceiling_divide(region->end, DMS_PANELS_OUTPUTS) * panel_bytes;
    memset(sums, 0, region->rows * DMS_PANELS_OUTPUTS * sizeof(float));
    for (size_t g = 0; g < pass->groups; g += most) {
        dms_panels_block block = {.groups = panel + g * pass->group_bytes,
                                  .count = DMS_MIN(most, pass->groups - g),
                                  .group = pass->group,
                                  .bits = pass->bits};
        // Always as far ahead: the last block of a panel may be short.
        size_t left = (size_t)(end - block.groups), ahead = DMS_MIN(most * pass->group_bytes, left);
        block.next = block.groups + ahead;
        block.next_bytes = DMS_MIN(left - ahead, block.count * pass->group_bytes);
        dms_panels_rows rows = rows_of(pass, region, g);
        pass->kernels->multiply(&block, &rows, sums);
    }
    finish_panel(pass, region, n, sums);
}

static void run_region(void *info, size_t index, size_t worker) {
    const panels_pass_t *pass = info;
    dms_region region = dms_region_at(pass->args, pass->chunk, pass->rows, pass->rows_per_block, index);
    float *sums = (float *)(pass->workers + worker * pass->worker_bytes);
    for (size_t n = region.first; n < region.end; n += DMS_PANELS_OUTPUTS) run_panel(pass, &region, n, sums);
}

// MARK: A call

static void divide(panels_pass_t *pass, size_t outputs, size_t threads) {
    pass->row_blocks = dms_ceiling_divide(pass->rows, pass->kernels->rows_per_task);
    pass->rows_per_block = dms_ceiling_divide(pass->rows, pass->row_blocks);
    pass->rows_per_prepare = DMS_MAX((size_t)1, DMS_PREPARE_ELEMENTS / DMS_MAX(pass->args->in_features, (size_t)1));
    size_t share = dms_ceiling_divide(outputs * pass->row_blocks, threads * DMS_TASKS_PER_THREAD);
    size_t chunk = dms_round_up(DMS_MAX(share, (size_t)1), DMS_PANELS_OUTPUTS);
    size_t widest = pass->rows <= DMS_FEW_ROWS ? SIZE_MAX : (size_t)DMS_PANELS_PER_TASK * DMS_PANELS_OUTPUTS;
    pass->chunk = DMS_MIN(chunk, widest);
}

static void run_pass(dms_context *context, panels_pass_t *pass) {
    divide(pass, dms_all_outputs(pass->args), (size_t)context->threads);
    size_t chunks = dms_chunk_count(pass->args, pass->chunk);
    int serial = dms_is_little(pass->args, pass->rows);
    dms_run_tasks(context, serial, dms_ceiling_divide(pass->rows, pass->rows_per_prepare), prepare_rows, pass);
    dms_run_tasks(context, serial, chunks * pass->row_blocks, run_region, pass);
}

static panels_pass_t pass_of(const dms_context *context, dms_dtype type, dms_precision precision, size_t group,
                             size_t in_features) {
    panels_pass_t pass = {.is_integers = type != DMS_PANELS_BF16, .group = group};
    // Only integers are multiplied as such.
    if (!pass.is_integers && precision == DMS_PRECISION_INT8) precision = DMS_PRECISION_BF16;
    pass.kernels = context->panels[precision];
    pass.bits = type == DMS_PANELS_BF16 ? 16 : type == DMS_PANELS_INT8 ? 8 : 4;
    pass.groups = dms_ceiling_divide(in_features, group);
    pass.group_bytes = pass.is_integers ? dms_int8_group_bytes(pass.bits, group) : (size_t)DMS_PANELS_PAIR_BYTES;
    pass.block = DMS_MAX(pass.kernels->block / pass.group_bytes, (size_t)1);
    return pass;
}

size_t dms_panels_scratch_bytes(const dms_context *context, size_t rows, size_t in_features, dms_precision precision) {
    panels_pass_t floats = pass_of(context, DMS_PANELS_BF16, precision, DMS_PANELS_PAIR, in_features);
    size_t bytes = take_pass(&floats, NULL, rows, in_features, (size_t)context->threads);
    if (precision == DMS_PRECISION_INT8) {
        panels_pass_t integers = pass_of(context, DMS_PANELS_INT8, precision, DMS_INT8_GROUP_MIN, in_features);
        bytes = DMS_MAX(bytes, take_pass(&integers, NULL, rows, in_features, (size_t)context->threads));
    }
    return bytes + DMS_ARENA_ALIGNMENT;
}

void dms_panels_linear(dms_context *context, const dms_linear_args *args) {
    const dms_dtype type = args->outputs->weight_type;
    size_t group = type == DMS_PANELS_BF16 ? DMS_PANELS_PAIR : args->outputs->group;
    panels_pass_t pass = pass_of(context, type, args->precision, group, args->in_features);
    pass.args = args;
    char *scratch = (char *)dms_round_up((size_t)args->scratch, DMS_ARENA_ALIGNMENT);
    take_pass(&pass, scratch, args->rows, args->in_features, (size_t)context->threads);
    for (size_t row = 0; row < args->rows; row += DMS_ROWS_PER_PASS) {
        pass.first_row = row;
        pass.rows = DMS_MIN(args->rows - row, (size_t)DMS_ROWS_PER_PASS);
        run_pass(context, &pass);
    }
}
