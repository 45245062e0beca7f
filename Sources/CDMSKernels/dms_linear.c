// Divides linear layers among threads and walks each thread's part panel by panel.

#include "dms_linear.h"

#include "dms_linear_panels.h"
#include "dms_linear_tiles.h"

enum {
    // Rows prepared at a time, which bounds the scratch memory of a long call.
    DMS_ROWS_PER_PASS = 1024,
    // Rows whose prepared inputs (one block of them) and sums stay in the second-level cache while a thread goes
    // through its outputs.
    DMS_ROWS_PER_BLOCK = 64,
    // At most so many rows fit in that cache with all their inputs: weights are then read as they lie in memory.
    DMS_ROWS_OF_ONE_SWEEP = 8,
    // Outputs of a task at most when rows are more than one sweep's: so many reuse the rows above that fetching those
    // does not count. A sweep has no such limit: where a task begins, nothing has been fetched.
    DMS_OUTPUTS_PER_TASK = 48,
    DMS_LANES_MAX = 16,
    // How far ahead of the products a sweep fetches weights.
    DMS_STEPS_AHEAD = 3,
    // Tasks for each thread, so that threads finish together.
    DMS_TASKS_PER_THREAD = 4,
    // Fewer multiply-adds than this take less time than waking a thread.
    DMS_SERIAL_PRODUCTS = 65536,
    // Inputs prepared by one task.
    DMS_PREPARE_ELEMENTS = 32768,
};

const dms_linear_kernels *dms_linear_kernels_for(dms_isa isa) {
    switch (isa) {
#if defined(DMS_X86)
    case DMS_ISA_AVX2:
    case DMS_ISA_AVX2_VNNI: return &dms_linear_avx2;
    case DMS_ISA_AVX512: return &dms_linear_avx512;
    case DMS_ISA_AVX512_BF16: return &dms_linear_avx512_bf16;
    case DMS_ISA_AMX: return &dms_linear_amx;
#endif
#if defined(DMS_ARM)
    case DMS_ISA_NEON: return &dms_linear_neon;
#endif
    case DMS_ISA_PORTABLE_TILES: return &dms_linear_portable_tiles;
    default: return &dms_linear_portable;
    }
}

static const dms_linear_path *dms_path(const dms_context *context, dms_precision precision, int grouped) {
    if (grouped) return &context->linear->grouped[precision];
    return precision == DMS_PRECISION_FP32 ? &context->linear->fp32 : &context->linear->bf16;
}

// One pass of a call: up to DMS_ROWS_PER_PASS rows.
typedef struct dms_linear_pass {
    const dms_linear_args *args;
    const dms_linear_path *path;
    char *prepared;  // block after block of inputs, each [rows][inputs of the block, padded]
    float *sums;     // of each thread's task: [panel][row][output][lane]
    size_t thread_sums;
    size_t first_row;
    size_t rows;
    size_t blocks;      // of inputs; 1 when there are no inputs, as y must be written even so
    size_t row_blocks;  // of rows, as equal as whole tiles allow
    size_t rows_per_block;
    size_t rows_per_prepare;
    size_t outputs;  // per panel
    size_t chunk;    // per task
} dms_linear_pass;

typedef struct dms_input_block {
    size_t first;
    size_t depth;
    size_t stride;   // elements between prepared rows
    char *prepared;  // the pass's first row
} dms_input_block;

static dms_input_block dms_block_at(const dms_linear_pass *pass, size_t index) {
    const dms_linear_path *path = pass->path;
    dms_input_block block;
    block.first = index * path->block;
    block.depth = DMS_MIN(path->block, pass->args->in_features - block.first);
    block.stride = dms_round_up(block.depth, path->lanes) + path->gap;
    block.prepared = pass->prepared + (block.first + index * path->gap) * pass->rows * path->element_size;
    return block;
}

// MARK: Preparing inputs

void dms_prepare_fp32(const float *x, size_t count, size_t padded, void *prepared) {
    float *out = prepared;
    if (count != 0) memcpy(out, x, count * sizeof *out);
    for (size_t k = count; k < padded; ++k) out[k] = 0;
}

void dms_prepare_rounded(const float *x, size_t count, size_t padded, void *prepared) {
    float *out = prepared;
    for (size_t k = 0; k < count; ++k) out[k] = dms_bf16_to_f32(dms_f32_to_bf16(x[k]));
    for (size_t k = count; k < padded; ++k) out[k] = 0;
}

static void dms_prepare_task(void *info, size_t index, size_t worker) {
    const dms_linear_pass *pass = info;
    const dms_linear_args *args = pass->args;
    size_t begin = index * pass->rows_per_prepare;
    size_t end = DMS_MIN(begin + pass->rows_per_prepare, pass->rows);
    for (size_t row = begin; row < end; ++row) {
        const float *x = args->x + (pass->first_row + row) * args->x_stride;
        for (size_t b = 0; b < pass->blocks; ++b) {
            dms_input_block block = dms_block_at(pass, b);
            pass->path->prepare(x + block.first, block.depth, block.stride - pass->path->gap,
                                block.prepared + row * block.stride * pass->path->element_size);
        }
    }
}

// MARK: Outputs

// A task's region, and how its weights lie.
typedef struct dms_part {
    dms_region at;
    size_t row_bytes;    // of weights, from output to output
    size_t block_bytes;  // and from block to block of inputs
} dms_part;

static dms_part dms_part_at(const dms_linear_pass *pass, size_t index) {
    dms_part part = {.at = dms_region_at(pass->args, pass->chunk, pass->rows, pass->rows_per_block, index)};
    part.row_bytes = dms_weight_bytes(part.at.output->weight_type, pass->args->in_features);
    part.block_bytes = dms_weight_bytes(part.at.output->weight_type, pass->path->block);
    return part;
}

// The weights of up to pass->outputs outputs from `n` on, in one block of inputs.
static void dms_point_weights(const dms_linear_pass *pass, const dms_part *part, size_t n, size_t block,
                              const char **weights) {
    const char *first = (const char *)part->at.output->weight + block * part->block_bytes;
    for (size_t i = 0; i < pass->outputs; ++i) weights[i] = first + DMS_MIN(n + i, part->at.end - 1) * part->row_bytes;
}

// Their scales.
static void dms_point_scales(const dms_linear_pass *pass, const dms_part *part, size_t n, size_t block,
                             dms_panel *panel) {
    const dms_linear_output *output = part->at.output;
    panel->group = output->group;
    for (size_t i = 0; i < pass->outputs; ++i) {
        size_t row = DMS_MIN(n + i, part->at.end - 1);
        size_t first = row * pass->args->in_features + block * pass->path->block;
        panel->scales[i] = output->scales + first / output->group;
    }
}

// The panel of outputs from `n` on, in one block of inputs.
static void dms_run_panel(const dms_linear_pass *pass, const dms_part *part, size_t n, size_t index, float *sums,
                          dms_panel *panel) {
    const dms_linear_path *path = pass->path;
    const dms_linear_output *output = part->at.output;
    dms_input_block block = dms_block_at(pass, index);
    panel->x = block.prepared + part->at.first_row * block.stride * path->element_size;
    panel->x_stride = block.stride;
    panel->rows = part->at.rows;
    panel->depth = block.depth;
    panel->outputs = pass->outputs;
    panel->width = DMS_MIN(pass->outputs, part->at.end - n);
    panel->sums = sums;
    panel->begins = index == 0;
    panel->ends = index + 1 == pass->blocks;
    panel->y = output->y + (pass->first_row + part->at.first_row) * output->y_stride + n;
    panel->y_stride = output->y_stride;
    panel->bias = output->bias ? output->bias + n : NULL;
    panel->adds = output->accumulate;
    if (dms_is_grouped(output->weight_type)) dms_point_scales(pass, part, n, index, panel);
    path->panel[output->weight_type](panel);
}

// Steps of a sweep: outputs pass by, each with all its blocks.
typedef struct dms_step {
    size_t n, block;
} dms_step;

static void dms_advance(const dms_linear_pass *pass, dms_step *step) {
    if (++step->block < pass->blocks) return;
    step->block = 0;
    step->n += pass->outputs;
}

// Few rows: panel after panel with all its blocks, as weights lie in memory, which is fetched some steps ahead: a step
// takes less time than memory needs to answer.
static void dms_sweep(const dms_linear_pass *pass, const dms_part *part) {
    _Alignas(DMS_CACHE_LINE) float sums[DMS_ROWS_OF_ONE_SWEEP * DMS_PANEL_OUTPUTS_MAX * DMS_LANES_MAX];
    const size_t size = pass->outputs * sizeof(const char *);
    const char *ahead[DMS_STEPS_AHEAD][DMS_PANEL_OUTPUTS_MAX];
    dms_step next = {part->at.first, 0}, step = next;
    for (size_t i = 0; i < DMS_STEPS_AHEAD; ++i, dms_advance(pass, &next)) {
        dms_point_weights(pass, part, next.n, next.block, ahead[i]);
    }
    dms_panel panel = {0};
    for (size_t slot = 0; step.n < part->at.end; slot = (slot + 1) % DMS_STEPS_AHEAD) {
        memcpy(panel.weights, ahead[slot], size);
        // Behind the last output these are its weights again.
        dms_point_weights(pass, part, next.n, next.block, ahead[slot]);
        memcpy(panel.next, ahead[slot], size);
        dms_run_panel(pass, part, step.n, step.block, sums, &panel);
        dms_advance(pass, &step);
        dms_advance(pass, &next);
    }
}

// Many rows: block after block, so that its inputs stay in the cache.
static void dms_blocks(const dms_linear_pass *pass, const dms_part *part, float *sums) {
    dms_panel panel = {0};
    for (size_t b = 0; b < pass->blocks; ++b) {
        dms_point_weights(pass, part, part->at.first, b, panel.next);
        for (size_t n = part->at.first; n < part->at.end; n += pass->outputs) {
            memcpy(panel.weights, panel.next, sizeof panel.weights);
            if (n + pass->outputs < part->at.end) {
                dms_point_weights(pass, part, n + pass->outputs, b, panel.next);
            } else if (b + 1 < pass->blocks) {
                dms_point_weights(pass, part, part->at.first, b + 1, panel.next);
            }
            dms_run_panel(pass, part, n, b, sums + (n - part->at.first) * part->at.rows * pass->path->sums, &panel);
        }
    }
}

static void dms_linear_task(void *info, size_t index, size_t worker) {
    const dms_linear_pass *pass = info;
    dms_part part = dms_part_at(pass, index);
    if (pass->rows <= DMS_ROWS_OF_ONE_SWEEP) {
        dms_sweep(pass, &part);
    } else {
        dms_blocks(pass, &part, pass->sums + worker * pass->thread_sums);
    }
}

// MARK: A call

size_t dms_all_outputs(const dms_linear_args *args) {
    size_t outputs = 0;
    for (size_t o = 0; o < args->output_count; ++o) outputs += args->outputs[o].out_features;
    return outputs;
}

size_t dms_chunk_count(const dms_linear_args *args, size_t chunk) {
    size_t chunks = 0;
    for (size_t o = 0; o < args->output_count; ++o) chunks += dms_ceiling_divide(args->outputs[o].out_features, chunk);
    return chunks;
}

dms_region dms_region_at(const dms_linear_args *args, size_t chunk, size_t rows, size_t rows_per_task, size_t index) {
    const size_t row_blocks = dms_ceiling_divide(rows, rows_per_task);
    const dms_linear_output *output = args->outputs;
    size_t chunks, left = index / row_blocks, first_row = index % row_blocks * rows_per_task;
    for (; left >= (chunks = dms_ceiling_divide(output->out_features, chunk)); ++output) left -= chunks;
    return (dms_region){.output = output,
                        .first = left * chunk,
                        .end = DMS_MIN((left + 1) * chunk, output->out_features),
                        .first_row = first_row,
                        .rows = DMS_MIN(rows_per_task, rows - first_row)};
}

int dms_is_little(const dms_linear_args *args, size_t rows) {
    return rows * args->in_features * dms_all_outputs(args) <= DMS_SERIAL_PRODUCTS;
}

void dms_run_tasks(dms_context *context, int serial, size_t count, dms_task task, void *info) {
    if (serial) {
        for (size_t i = 0; i < count; ++i) task(info, i, 0);
    } else {
        dms_parallel(context, count, task, info);
    }
}

static void dms_divide(dms_linear_pass *pass, size_t outputs, size_t threads) {
    const dms_linear_path *path = pass->path;
    pass->row_blocks = dms_ceiling_divide(pass->rows, DMS_ROWS_PER_BLOCK);
    pass->rows_per_block = dms_round_up(dms_ceiling_divide(pass->rows, pass->row_blocks), path->tile_rows);
    pass->row_blocks = dms_ceiling_divide(pass->rows, pass->rows_per_block);
    pass->outputs = pass->rows <= path->few_rows ? path->few_outputs : path->outputs;
    size_t tasks = threads * DMS_TASKS_PER_THREAD;
    size_t share = dms_ceiling_divide(outputs * pass->row_blocks, tasks);
    size_t widest =
        pass->rows <= DMS_ROWS_OF_ONE_SWEEP ? SIZE_MAX : dms_round_up(DMS_OUTPUTS_PER_TASK, pass->outputs);
    pass->chunk = DMS_MIN(dms_round_up(DMS_MAX(share, (size_t)1), pass->outputs), widest);
    pass->rows_per_prepare = DMS_MAX((size_t)1, DMS_PREPARE_ELEMENTS / DMS_MAX(pass->args->in_features, (size_t)1));
}

static void dms_run_pass(dms_context *context, dms_linear_pass *pass) {
    dms_divide(pass, dms_all_outputs(pass->args), (size_t)context->threads);
    size_t chunks = dms_chunk_count(pass->args, pass->chunk);
    int serial = dms_is_little(pass->args, pass->rows);
    dms_run_tasks(context, serial, dms_ceiling_divide(pass->rows, pass->rows_per_prepare), dms_prepare_task, pass);
    dms_run_tasks(context, serial, chunks * pass->row_blocks, dms_linear_task, pass);
}

static size_t dms_prepared_bytes(const dms_linear_path *path, size_t rows, size_t in_features) {
    size_t at_once = DMS_MIN(rows, (size_t)DMS_ROWS_PER_PASS);
    size_t blocks = DMS_MAX(dms_ceiling_divide(in_features, path->block), (size_t)1);
    size_t stride = dms_round_up(in_features, path->lanes) + blocks * path->gap;
    return dms_round_up(at_once * stride * path->element_size, DMS_CACHE_LINE);
}

// Sums of the largest task of a thread.
static size_t dms_thread_sums(const dms_linear_path *path) {
    return DMS_ROWS_PER_BLOCK * dms_round_up(DMS_OUTPUTS_PER_TASK, path->outputs) * path->sums;
}

static size_t dms_path_scratch_bytes(const dms_context *context, const dms_linear_path *path, size_t rows,
                                     size_t in_features) {
    size_t sums = rows <= DMS_ROWS_OF_ONE_SWEEP ? 0 : dms_thread_sums(path) * (size_t)context->threads * sizeof(float);
    return dms_prepared_bytes(path, rows, in_features) + sums;
}

// What BF16 precision multiplies is BF16, and tiles hold that, or is grouped.
static int dms_takes_tiles(const dms_context *context, dms_precision precision, int grouped) {
    return context->linear->tiles && precision != DMS_PRECISION_FP32 && !grouped;
}

size_t dms_linear_scratch_bytes(const dms_context *context, size_t rows, size_t in_features, dms_precision precision) {
    size_t floats = dms_takes_tiles(context, precision, 0)
                        ? dms_tile_scratch_bytes(context, rows, in_features)
                        : dms_path_scratch_bytes(context, dms_path(context, precision, 0), rows, in_features);
    size_t panels = dms_panels_scratch_bytes(context, rows, in_features, precision);
    if (precision == DMS_PRECISION_INT8) return DMS_MAX(floats, panels);
    size_t grouped = dms_path_scratch_bytes(context, dms_path(context, precision, 1), rows, in_features);
    return DMS_MAX(DMS_MAX(floats, grouped), panels);
}

// Outputs that take the same path.
static void dms_linear_alike(dms_context *context, const dms_linear_args *args) {
    if (dms_is_in_panels(args->outputs->weight_type)) {
        dms_panels_linear(context, args);
        return;
    }
    int grouped = dms_is_grouped(args->outputs->weight_type);
    if (dms_takes_tiles(context, args->precision, grouped)) {
        dms_tile_linear(context, context->linear->tiles, args);
        return;
    }
    const dms_linear_path *path = dms_path(context, args->precision, grouped);
    dms_linear_pass pass = {.args = args, .path = path, .prepared = args->scratch};
    pass.blocks = DMS_MAX(dms_ceiling_divide(args->in_features, pass.path->block), (size_t)1);
    pass.thread_sums = dms_thread_sums(pass.path);
    pass.sums = (float *)(pass.prepared + dms_prepared_bytes(pass.path, args->rows, args->in_features));
    for (size_t row = 0; row < args->rows; row += DMS_ROWS_PER_PASS) {
        pass.first_row = row;
        pass.rows = DMS_MIN(args->rows - row, (size_t)DMS_ROWS_PER_PASS);
        dms_run_pass(context, &pass);
    }
}

// Whether one pass over the inputs serves both.
static int dms_are_alike(const dms_linear_output *a, const dms_linear_output *b) {
    if (dms_is_in_panels(a->weight_type)) return a->weight_type == b->weight_type && a->group == b->group;
    return !dms_is_in_panels(b->weight_type) && dms_is_grouped(a->weight_type) == dms_is_grouped(b->weight_type);
}

void dms_linear(dms_context *context, const dms_linear_args *args) {
    dms_linear_args part = *args;
    for (size_t first = 0; first < args->output_count; first += part.output_count) {
        part.outputs = args->outputs + first;
        part.output_count = 1;
        while (first + part.output_count < args->output_count &&
               dms_are_alike(part.outputs, part.outputs + part.output_count)) {
            ++part.output_count;
        }
        dms_linear_alike(context, &part);
    }
}
