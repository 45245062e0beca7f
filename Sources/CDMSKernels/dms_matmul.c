// Divides a matrix product into passes whose packed operands stay in the last-level cache, and each pass into packing
// and tiles for the threads. All divisions follow from the shape alone.

#include "dms_matmul.h"

enum {
    // Words of depth summed in one accumulator: a panel of each operand stays in the first-level cache.
    BLOCK_WORDS = 256,
    // Rows and columns of a pass at most, and words of either packed operand.
    PASS_LINES = 2048,
    PASS_WORDS = 1 << 18,
    // A tile's packed rows stay in the second-level cache.
    TILE_ROWS = 144,
    TILE_COLUMNS = 128,
    // Tiles of a pass at least, where it has as many register tiles: enough for many threads to finish together.
    PASS_TILES = 32,
    // Words packed by one task.
    PACK_WORDS = 1 << 15,
    // Fewer multiply-adds than this take less time than waking a thread.
    SERIAL_PRODUCTS = 1 << 16,
    ALIGNMENT = 64,
};

const dms_matmul_kernels *dms_matmul_kernels_for(dms_isa isa) {
    switch (isa) {
#if DMS_X86
    case DMS_ISA_AVX2:
    case DMS_ISA_AVX2_VNNI: return &dms_matmul_avx2;
    case DMS_ISA_AVX512: return &dms_matmul_avx512;
    case DMS_ISA_AVX512_BF16: return &dms_matmul_avx512_bf16;
    // Where there are tiles, dot products of vectors are slower than multiply-adds.
    case DMS_ISA_AMX: return &dms_matmul_avx512;
#elif DMS_ARM
    case DMS_ISA_NEON: return &dms_matmul_neon;
#endif
    default: return &dms_matmul_portable;
    }
}

// Rows of a or columns of b: what of one operand a pass packs.
typedef struct {
    const float *data;
    size_t line_stride, depth_stride;
    size_t first, count;  // lines of this pass
    size_t width;         // of a panel
    size_t group;         // lines packed by one task, whole panels
    size_t groups;        // tasks per block of depth; 0 where the lines are packed already
    dms_matmul_pack pack;
    float *packed;  // block after block of depth, each panel after panel
} lines_t;

typedef struct {
    const dms_matmul_args *args;
    const dms_matmul_path *path;
    size_t pass_rows, pass_columns, pass_depth;  // at most
    size_t block_depth;
    lines_t rows, columns;
    size_t first_depth, depth, blocks;  // of this pass
    size_t tile_rows, tile_columns, tiles_across;
} call_t;

// MARK: Planning

// Whole panels, so that only the last pass has a part of one.
static size_t most_lines(size_t lines, size_t width) {
    return DMS_MIN(PASS_LINES / width, dms_ceiling_divide(lines, width)) * width;
}

static void plan_call(call_t *call, const dms_context *context, const dms_matmul_args *args) {
    const dms_matmul_kernels *kernels = context->matmul;
    const dms_matmul_path *path = args->precision == DMS_PRECISION_FP32 ? &kernels->fp32 : &kernels->bf16;
    *call = (call_t){.args = args, .path = path, .block_depth = BLOCK_WORDS * path->word_depth};
    call->pass_rows = most_lines(args->rows, path->rows);
    call->pass_columns = most_lines(args->columns, path->columns);
    size_t most = PASS_WORDS / DMS_MAX(DMS_MAX(call->pass_rows, call->pass_columns), (size_t)1) * path->word_depth;
    size_t blocks = DMS_MAX(most / call->block_depth, (size_t)1);
    call->pass_depth = DMS_MIN(blocks * call->block_depth, dms_round_up(args->depth, path->word_depth));
    call->rows = (lines_t){.data = args->a.data, .line_stride = args->a.row_stride,
                           .depth_stride = args->a.column_stride, .width = path->rows, .pack = path->pack_rows};
    call->columns = (lines_t){.data = args->b.data, .line_stride = args->b.column_stride,
                              .depth_stride = args->b.row_stride, .width = path->columns, .pack = path->pack_columns};
}

static size_t packed_bytes(const call_t *call, size_t lines) {
    return dms_round_up(lines * (call->pass_depth / call->path->word_depth) * sizeof(float), ALIGNMENT);
}

size_t dms_matmul_scratch_bytes(const dms_context *context, const dms_matmul_args *args) {
    call_t call;
    plan_call(&call, context, args);
    return packed_bytes(&call, call.pass_rows) + packed_bytes(&call, call.pass_columns);
}

static size_t block_words(const call_t *call, size_t block) {
    size_t depth = DMS_MIN(call->block_depth, call->depth - block * call->block_depth);
    return dms_ceiling_divide(depth, call->path->word_depth);
}

// The packed panels of a block, from the one that begins with line `first` of the pass on.
static float *packed_lines(const lines_t *lines, size_t block, size_t words, size_t first) {
    return lines->packed + block * BLOCK_WORDS * dms_round_up(lines->count, lines->width) + first * words;
}

// Halves the longer side until there are enough tiles.
static void plan_tiles(call_t *call) {
    size_t rows = dms_round_up(TILE_ROWS, call->rows.width), columns = dms_round_up(TILE_COLUMNS, call->columns.width);
    for (;;) {
        // As equal as whole panels allow.
        size_t down = dms_ceiling_divide(call->rows.count, rows), across = dms_ceiling_divide(call->columns.count, columns);
        rows = dms_round_up(dms_ceiling_divide(call->rows.count, down), call->rows.width);
        columns = dms_round_up(dms_ceiling_divide(call->columns.count, across), call->columns.width);
        int smallest = rows == call->rows.width && columns == call->columns.width;
        if (down * across >= PASS_TILES || smallest) break;
        if (columns > call->columns.width && (columns >= rows || rows == call->rows.width)) {
            columns = dms_round_up(columns / 2, call->columns.width);
        } else {
            rows = dms_round_up(rows / 2, call->rows.width);
        }
    }
    call->tile_rows = rows;
    call->tile_columns = columns;
    call->tiles_across = dms_ceiling_divide(call->columns.count, columns);
}

// MARK: Tasks

static void pack_lines(const call_t *call, const lines_t *lines, size_t index) {
    size_t block = index / lines->groups, first = index % lines->groups * lines->group;
    size_t words = block_words(call, block), depth = block * call->block_depth;
    const float *x = lines->data + (lines->first + first) * lines->line_stride +
                     (call->first_depth + depth) * lines->depth_stride;
    lines->pack(x, lines->line_stride, lines->depth_stride, DMS_MIN(lines->group, lines->count - first),
                DMS_MIN(call->block_depth, call->depth - depth), packed_lines(lines, block, words, first));
}

static void pack_task(void *info, size_t index, size_t worker) {
    const call_t *call = info;
    size_t of_rows = call->rows.groups * call->blocks;
    if (index < of_rows) {
        pack_lines(call, &call->rows, index);
    } else {
        pack_lines(call, &call->columns, index - of_rows);
    }
}

static void tile_task(void *info, size_t index, size_t worker) {
    const call_t *call = info;
    const dms_matmul_args *args = call->args;
    size_t row = index / call->tiles_across * call->tile_rows;
    size_t column = index % call->tiles_across * call->tile_columns;
    size_t rows = DMS_MIN(call->tile_rows, call->rows.count - row);
    size_t columns = DMS_MIN(call->tile_columns, call->columns.count - column);
    float *c = args->c + (call->rows.first + row) * args->c_stride + call->columns.first + column;
    for (size_t block = 0; block < call->blocks; ++block) {
        size_t words = block_words(call, block);
        int adds = args->accumulate || call->first_depth + block > 0;
        call->path->tile(words, packed_lines(&call->rows, block, words, row),
                         packed_lines(&call->columns, block, words, column), rows, columns, c, args->c_stride, adds);
    }
}

// MARK: A call

static void run(dms_context *context, int serial, size_t count, dms_task task, call_t *call) {
    if (serial) {
        for (size_t i = 0; i < count; ++i) task(call, i, 0);
    } else {
        dms_parallel(context, count, task, call);
    }
}

static void enter_lines(const call_t *call, lines_t *lines, size_t first, size_t end, size_t most) {
    lines->first = first;
    lines->count = DMS_MIN(most, end - first);
    size_t panel_words = lines->width * DMS_MIN(call->depth, call->block_depth) / call->path->word_depth;
    lines->group = DMS_MAX(PACK_WORDS / DMS_MAX(panel_words, (size_t)1), (size_t)1) * lines->width;
    lines->groups = dms_ceiling_divide(lines->count, lines->group);
}

static void clear_product(const dms_matmul_args *args) {
    for (size_t row = 0; row < args->rows; ++row) {
        memset(args->c + row * args->c_stride, 0, args->columns * sizeof *args->c);
    }
}

void dms_matmul(dms_context *context, const dms_matmul_args *args) {
    call_t call;
    if (args->depth == 0 && !args->accumulate) clear_product(args);
    if (args->rows == 0 || args->columns == 0 || args->depth == 0) return;
    plan_call(&call, context, args);
    call.rows.packed = args->scratch;
    call.columns.packed = (float *)((char *)args->scratch + packed_bytes(&call, call.pass_rows));
    int serial = args->rows * args->columns * args->depth <= SERIAL_PRODUCTS;
    for (size_t k = 0; k < args->depth; k += call.pass_depth) {
        call.first_depth = k;
        call.depth = DMS_MIN(call.pass_depth, args->depth - k);
        call.blocks = dms_ceiling_divide(call.depth, call.block_depth);
        for (size_t row = 0; row < args->rows; row += call.pass_rows) {
            enter_lines(&call, &call.rows, row, args->rows, call.pass_rows);
            for (size_t column = 0; column < args->columns; column += call.pass_columns) {
                enter_lines(&call, &call.columns, column, args->columns, call.pass_columns);
                plan_tiles(&call);
                run(context, serial, (call.rows.groups + call.columns.groups) * call.blocks, pack_task, &call);
                run(context, serial, dms_ceiling_divide(call.rows.count, call.tile_rows) * call.tiles_across, tile_task,
                    &call);
                call.rows.groups = 0;
            }
        }
    }
}
