// The attention driver: divides a call into tiles of query rows and, where there are few, into splits of the keys;
// gathers blocks of keys from the runs; skips what no row of a tile sees.
//
// A KV head's slots are cut into splits of a fixed length. Each split is attended to from scratch and then merged into
// what came before, in order. Whether one thread does that or many, and for how many rows at once, changes nothing in
// the result.
#include "dms_arena.h"
#include "dms_attention.h"
#include "dms_attention_blocks.h"

#include <math.h>
#include <stdatomic.h>

enum {
    // 256 slots: a merge costs little beside them, and few enough are left over when one thread has nothing more to do.
    SPLIT_BLOCKS = 4,
    TILE_ROWS = 128,        // rows of a tile: they pay for packing the keys, and all of it fits the L2 cache
    DECODE_ROWS = 8,        // up to so many rows of a sequence, splits are work of their own
    SPLIT_SLOTS = SPLIT_BLOCKS * DMS_ATTENTION_BLOCK,
    // A thread takes consecutive splits at once, for the next one is fetched from memory while one is in work; in
    // shares small enough that threads end together. A tile that is done as a whole is a share of its own.
    SHARES_PER_THREAD = 4,
};

// The rows of a tile: for each of `count` positions the query heads of one KV head, next to each other.
typedef struct {
    uint32_t sequence, head;
    size_t first, count;  // positions, counted from the sequence's first row
    size_t splits;        // that are work of their own; 1 when the tile is done as a whole
    size_t partial;       // index into the partial states' rows
    atomic_size_t remaining;
} tile_t;

typedef struct {
    size_t tile, split;
} item_t;

// What a call of this shape amounts to.
typedef struct {
    dms_attention_shape shape;
    size_t group;           // query heads per KV head
    size_t tile_positions;  // most positions of a tile
    size_t tile_rows;
    size_t tile_count, partial_rows;
    size_t whole_count, split_count;  // items: the tiles done as a whole first, the longest of all, then the splits
} plan_t;

typedef struct {
    const dms_attention_args *args;
    const dms_attention_ops *ops;
    plan_t plan;
    tile_t *tiles;
    item_t *items;
    size_t share;  // splits that a thread takes at once
    dms_attention_state partials;
    char *workers;
    size_t worker_bytes;
} call_t;

typedef struct {
    dms_attention_state part, total;
    float *queries, *scores;
    int32_t *positions;
    dms_attention_block *blocks;  // the one in work and the next one
} worker_t;

// MARK: Planning

static size_t slot_count(const dms_attention_sequence *sequence, size_t head) {
    size_t count = 0;
    for (uint32_t run = sequence->run_starts[head]; run < sequence->run_starts[head + 1]; ++run) {
        count += sequence->runs[run].count;
    }
    return count;
}

static void plan_tile(plan_t *plan, tile_t *tiles, item_t *whole_items, item_t *split_items, tile_t tile) {
    if (tiles) {
        tile_t *stored = tiles + plan->tile_count;
        *stored = tile;
        stored->partial = plan->partial_rows;
        atomic_init(&stored->remaining, tile.splits);
        item_t *items = tile.splits == 1 ? whole_items + plan->whole_count : split_items + plan->split_count;
        for (size_t split = 0; split < tile.splits; ++split) items[split] = (item_t){plan->tile_count, split};
    }
    plan->tile_count += 1;
    if (tile.splits == 1) {
        plan->whole_count += 1;
    } else {
        plan->split_count += tile.splits;
        plan->partial_rows += tile.splits * tile.count * plan->group;
    }
}

// Counts tiles, items and partial rows, and lists them unless `tiles` is NULL.
static plan_t make_plan(const dms_attention_args *args, tile_t *tiles, item_t *whole_items, item_t *split_items) {
    plan_t plan = {0};
    plan.shape.head_dim = args->head_dim;
    plan.shape.padded_dim = dms_round_up(args->head_dim, DMS_ATTENTION_PAD);
    plan.shape.scale = args->scale * 0x1.715476p+0f;  // log2(e)
    plan.shape.type = args->kv_type;
    plan.shape.scaled = args->kv_type == DMS_FP8_E4M3 || args->kv_type == DMS_INT8;
    plan.group = args->query_heads / args->kv_heads;
    plan.tile_positions = DMS_MAX((size_t)1, TILE_ROWS / plan.group);
    size_t most_positions = 0;
    for (size_t s = 0; s < args->sequence_count; ++s) {
        const dms_attention_sequence *sequence = args->sequences + s;
        most_positions = DMS_MAX(most_positions, sequence->rows);
        for (size_t head = 0; head < args->kv_heads; ++head) {
            size_t splits = 1;
            if (sequence->rows <= DECODE_ROWS) {
                splits = DMS_MAX((size_t)1, (slot_count(sequence, head) + SPLIT_SLOTS - 1) / SPLIT_SLOTS);
            }
            // The last tile sees the most keys; begun first, it does not keep everybody waiting at the end.
            size_t tile_count = (sequence->rows + plan.tile_positions - 1) / plan.tile_positions;
            for (size_t tile = tile_count; tile-- > 0;) {
                size_t first = tile * plan.tile_positions;
                size_t count = DMS_MIN(plan.tile_positions, sequence->rows - first);
                plan_tile(&plan, tiles, whole_items, split_items,
                          (tile_t){.sequence = (uint32_t)s, .head = (uint32_t)head, .first = first, .count = count,
                                   .splits = splits});
            }
        }
    }
    plan.tile_positions = DMS_MIN(plan.tile_positions, DMS_MAX((size_t)1, most_positions));
    plan.tile_rows = plan.tile_positions * plan.group;
    return plan;
}

// MARK: Scratch

static dms_attention_state take_state(dms_arena *arena, const plan_t *plan, size_t rows) {
    dms_attention_state state;
    state.maximum = dms_take(arena, rows * sizeof(float));
    state.sum = dms_take(arena, rows * sizeof(float));
    state.output = dms_take(arena, rows * plan->shape.padded_dim * sizeof(float));
    return state;
}

static worker_t take_worker(dms_arena *arena, const plan_t *plan) {
    size_t block_bytes = DMS_ATTENTION_BLOCK * plan->shape.padded_dim * sizeof(float);
    worker_t worker;
    worker.part = take_state(arena, plan, plan->tile_rows);
    worker.total = take_state(arena, plan, plan->tile_rows);
    worker.queries = dms_take(arena, plan->tile_rows * plan->shape.padded_dim * sizeof(float));
    worker.scores = dms_take(arena, DMS_ATTENTION_GROUP * DMS_ATTENTION_BLOCK * sizeof(float));
    worker.positions = dms_take(arena, plan->tile_rows * sizeof(int32_t));
    worker.blocks = dms_take(arena, 2 * sizeof(dms_attention_block));
    float *keys = dms_take(arena, block_bytes), *values = dms_take(arena, block_bytes);
    for (size_t i = 0; i < 2 && arena->base; ++i) {
        worker.blocks[i].packed_keys = keys;
        worker.blocks[i].packed_values = values;
    }
    return worker;
}

// MARK: Work

static void clear(const plan_t *plan, size_t rows, const dms_attention_state *state) {
    for (size_t row = 0; row < rows; ++row) state->maximum[row] = -INFINITY;
    memset(state->sum, 0, rows * sizeof(float));
    memset(state->output, 0, rows * plan->shape.padded_dim * sizeof(float));
}

static dms_attention_state state_from(const plan_t *plan, const dms_attention_state *state, size_t row) {
    return (dms_attention_state){state->maximum + row, state->sum + row, state->output + row * plan->shape.padded_dim};
}

static const float *tile_queries(const call_t *call, const tile_t *tile, size_t position) {
    const dms_attention_args *args = call->args;
    size_t row = args->sequences[tile->sequence].first_row + tile->first + position;
    return args->q + row * args->q_stride + tile->head * call->plan.group * args->head_dim;
}

static void pack_tile(const call_t *call, const tile_t *tile, const worker_t *worker) {
    const plan_t *plan = &call->plan;
    int32_t first = call->args->sequences[tile->sequence].first_position + (int32_t)tile->first;
    for (size_t i = 0; i < tile->count; ++i) {
        float *packed = worker->queries + i * plan->group * plan->shape.padded_dim;
        call->ops->pack_queries(&plan->shape, tile_queries(call, tile, i), plan->group, packed);
        for (size_t h = 0; h < plan->group; ++h) worker->positions[i * plan->group + h] = first + (int32_t)i;
    }
}

// Gathers the block at a cursor to be fetched, not used.
static int32_t peek_block(const plan_t *plan, dms_slot_cursor cursor, const int32_t positions[2],
                          dms_attention_block *block) {
    size_t index = 0;
    return dms_next_block(&plan->shape, &cursor, &index, 1, positions, block);
}

// Attends to one split from scratch; 0 when no row saw anything and the state is as empty as at the start. `following`
// is where this thread goes on afterwards, NULL for the slots behind these; its first block is fetched meanwhile.
static int32_t attend_split(const call_t *call, const tile_t *tile, const worker_t *worker, dms_slot_cursor *cursor,
                            const dms_slot_cursor *following, const dms_attention_state *state) {
    const plan_t *plan = &call->plan;
    size_t rows = tile->count * plan->group, index = 0;
    int32_t positions[2] = {worker->positions[0], worker->positions[rows - 1]};
    dms_attention_block *block = worker->blocks, *next = worker->blocks + 1;
    clear(plan, rows, state);
    int32_t any = dms_next_block(&plan->shape, cursor, &index, SPLIT_BLOCKS, positions, block);
    for (int32_t more = any; more;) {
        more = dms_next_block(&plan->shape, cursor, &index, SPLIT_BLOCKS, positions, next);
        int32_t fetch = more || peek_block(plan, following ? *following : *cursor, positions, next);
        call->ops->pack_block(&plan->shape, block, fetch ? next : block);
        call->ops->attend(&plan->shape, block, rows, worker->queries, worker->positions, state, worker->scores);
        dms_attention_block *done = block;
        block = next;
        next = done;
    }
    return any;
}

static void finish_tile(const call_t *call, const tile_t *tile, const dms_attention_state *state) {
    const dms_attention_args *args = call->args;
    const plan_t *plan = &call->plan;
    for (size_t i = 0; i < tile->count; ++i) {
        size_t row = args->sequences[tile->sequence].first_row + tile->first + i;
        for (size_t h = 0; h < plan->group; ++h) {
            size_t index = i * plan->group + h;
            call->ops->finish(&plan->shape, state->output + index * plan->shape.padded_dim, state->sum[index],
                              args->out + row * args->out_stride + (tile->head * plan->group + h) * args->head_dim);
        }
    }
}

static void attend_tile(const call_t *call, const tile_t *tile, const worker_t *worker) {
    size_t rows = tile->count * call->plan.group;
    dms_slot_cursor cursor = dms_slot_cursor_at(call->args->sequences + tile->sequence, tile->head, 0);
    clear(&call->plan, rows, &worker->total);
    while (cursor.run < cursor.end) {
        if (!attend_split(call, tile, worker, &cursor, NULL, &worker->part)) continue;
        call->ops->merge(&call->plan.shape, rows, &worker->total, &worker->part);
    }
    finish_tile(call, tile, &worker->total);
}

static dms_slot_cursor item_cursor(const call_t *call, const item_t *item) {
    const tile_t *tile = call->tiles + item->tile;
    return dms_slot_cursor_at(call->args->sequences + tile->sequence, tile->head, item->split * SPLIT_SLOTS);
}

// One split of a tile, at the cursor. Whoever finishes the last one puts all of them together.
static void attend_item(const call_t *call, const item_t *item, const worker_t *worker, dms_slot_cursor *cursor,
                        const dms_slot_cursor *following) {
    tile_t *tile = call->tiles + item->tile;
    const plan_t *plan = &call->plan;
    size_t rows = tile->count * plan->group;
    dms_attention_state state = state_from(plan, &call->partials, tile->partial + item->split * rows);
    attend_split(call, tile, worker, cursor, following, &state);
    if (atomic_fetch_sub_explicit(&tile->remaining, 1, memory_order_acq_rel) != 1) return;
    clear(plan, rows, &worker->total);
    for (size_t split = 0; split < tile->splits; ++split) {
        state = state_from(plan, &call->partials, tile->partial + split * rows);
        call->ops->merge(&plan->shape, rows, &worker->total, &state);
    }
    finish_tile(call, tile, &worker->total);
}

static void attend_items(const call_t *call, const item_t *item, const item_t *end, const worker_t *worker) {
    dms_slot_cursor cursor = item_cursor(call, item);
    pack_tile(call, call->tiles + item->tile, worker);
    for (; item < end; ++item) {
        if (item + 1 == end || item[1].tile == item->tile) {
            attend_item(call, item, worker, &cursor, NULL);
            continue;
        }
        dms_slot_cursor following = item_cursor(call, item + 1);
        attend_item(call, item, worker, &cursor, &following);
        cursor = following;
        pack_tile(call, call->tiles + item[1].tile, worker);
    }
}

static void run_share(void *info, size_t index, size_t worker_index) {
    const call_t *call = info;
    const plan_t *plan = &call->plan;
    dms_arena arena = {call->workers + worker_index * call->worker_bytes, 0};
    worker_t worker = take_worker(&arena, plan);
    if (index < plan->whole_count) {
        const tile_t *tile = call->tiles + call->items[index].tile;
        pack_tile(call, tile, &worker);
        attend_tile(call, tile, &worker);
        return;
    }
    size_t first = (index - plan->whole_count) * call->share;
    size_t end = DMS_MIN(first + call->share, plan->split_count);
    const item_t *splits = call->items + plan->whole_count;
    attend_items(call, splits + first, splits + end, &worker);
}

// MARK: Interface

static size_t take_call(call_t *call, char *scratch, size_t threads) {
    dms_arena worker = {NULL, 0};
    take_worker(&worker, &call->plan);
    call->worker_bytes = worker.used;
    dms_arena arena = {scratch, 0};
    call->tiles = dms_take(&arena, call->plan.tile_count * sizeof(tile_t));
    call->items = dms_take(&arena, (call->plan.whole_count + call->plan.split_count) * sizeof(item_t));
    call->partials = take_state(&arena, &call->plan, call->plan.partial_rows);
    call->workers = dms_take(&arena, threads * call->worker_bytes);
    return arena.used;
}

size_t dms_attention_scratch_bytes(const dms_context *context, const dms_attention_args *args) {
    call_t call = {.args = args, .plan = make_plan(args, NULL, NULL, NULL)};
    return take_call(&call, NULL, (size_t)context->threads) + DMS_ARENA_ALIGNMENT;
}

void dms_attention(dms_context *context, const dms_attention_args *args) {
    int32_t narrow = args->kv_type == DMS_BF16 || args->kv_type == DMS_FP8_E4M3 || args->kv_type == DMS_INT8;
    const dms_attention_kernels *kernels = context->attention;
    call_t call = {.args = args, .plan = make_plan(args, NULL, NULL, NULL)};
    call.ops = args->precision != DMS_PRECISION_FP32 && narrow ? &kernels->bf16 : &kernels->fp32;
    char *scratch = (char *)dms_round_up((size_t)args->scratch, DMS_ARENA_ALIGNMENT);
    take_call(&call, scratch, (size_t)context->threads);
    make_plan(args, call.tiles, call.items, call.items + call.plan.whole_count);
    size_t splits = call.plan.split_count;
    call.share = DMS_MAX((size_t)1, splits / ((size_t)context->threads * SHARES_PER_THREAD));
    dms_parallel(context, call.plan.whole_count + (splits + call.share - 1) / call.share, run_share, &call);
}

const dms_attention_kernels *dms_attention_kernels_for(dms_isa isa) {
    switch (isa) {
#if DMS_X86
    case DMS_ISA_AVX2:
    case DMS_ISA_AVX2_VNNI: return &dms_attention_kernels_avx2;
    case DMS_ISA_AVX512: return &dms_attention_kernels_avx512;
    case DMS_ISA_AVX512_BF16: return &dms_attention_kernels_avx512_bf16;
    // Where there are tiles, dot products of vectors are slower than multiply-adds.
    case DMS_ISA_AMX: return &dms_attention_kernels_avx512;
#elif DMS_ARM
    case DMS_ISA_NEON: return &dms_attention_kernels_neon;
#endif
    default: return &dms_attention_kernels_portable;
    }
}
