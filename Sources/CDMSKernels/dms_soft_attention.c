// The forward driver of training's attention: packs the keys once, then takes a tile of queries of one head at a time
// through all tiles of keys that they see. Nothing about the work depends on the number of threads.
#include "dms_soft_attention.h"

#include <math.h>

typedef struct {
    const dms_soft_attention_args *args;
    const dms_soft_attention_kernels *kernels;
    dms_soft_pack pack;
    size_t tiles;  // of queries
    char *workers;
    size_t worker_bytes;
} call_t;

static dms_soft_state take_state(dms_arena *arena, const dms_soft_shape *shape) {
    dms_soft_state state;
    state.maximum = dms_take(arena, DMS_SOFT_QUERIES * sizeof(float));
    state.sum = dms_take(arena, DMS_SOFT_QUERIES * sizeof(float));
    state.output = dms_take(arena, DMS_SOFT_QUERIES * shape->padded_dim * sizeof(float));
    state.scores = dms_take(arena, DMS_SOFT_QUERIES * DMS_SOFT_KEYS * sizeof(float));
    return state;
}

static void run_tile(void *info, size_t index, size_t worker) {
    const call_t *call = info;
    const dms_soft_attention_args *args = call->args;
    const dms_soft_shape *shape = &call->pack.shape;
    size_t heads = args->sequences * args->query_heads;
    // The last tile sees the most keys; begun first, it does not keep everybody waiting at the end.
    size_t tile = call->tiles - 1 - index / heads;
    size_t sequence = index % heads / args->query_heads, head = index % args->query_heads;
    size_t first = tile * DMS_SOFT_QUERIES, rows = DMS_MIN(DMS_SOFT_QUERIES, args->length - first);
    size_t row = sequence * args->length + first;
    dms_arena arena = {call->workers + worker * call->worker_bytes, 0};
    dms_soft_state state = take_state(&arena, shape);
    for (size_t i = 0; i < rows; ++i) state.maximum[i] = -INFINITY;
    memset(state.sum, 0, rows * sizeof(float));
    memset(state.output, 0, rows * shape->padded_dim * sizeof(float));

    size_t kv_head = head / (args->query_heads / args->kv_heads);
    const dms_soft_keys *keys = call->pack.keys + (sequence * args->kv_heads + kv_head) * call->pack.tiles;
    const float *q = args->q + row * args->q_stride + head * args->head_dim;
    for (size_t k = 0; k * DMS_SOFT_KEYS < first + rows; ++k) {
        call->kernels->attend(shape, keys + k, first, rows, q, args->q_stride, &state);
    }
    call->kernels->finish(shape, &state, rows, args->out + row * args->out_stride + head * args->head_dim,
                          args->out_stride,
                          args->log_sum_exp + (sequence * args->query_heads + head) * args->length + first);
}

static size_t take_call(call_t *call, const dms_soft_attention_args *args, char *scratch, size_t threads) {
    call->args = args;
    call->tiles = (args->length + DMS_SOFT_QUERIES - 1) / DMS_SOFT_QUERIES;
    dms_arena arena = {scratch, 0}, worker = {NULL, 0};
    call->pack = dms_soft_take_pack(&arena, args, args->sequences, 0);
    take_state(&worker, &call->pack.shape);
    call->worker_bytes = worker.used;
    call->workers = dms_take(&arena, threads * call->worker_bytes);
    return arena.used;
}

size_t dms_soft_attention_scratch_bytes(const dms_context *context, const dms_soft_attention_args *args) {
    call_t call;
    return take_call(&call, args, NULL, (size_t)context->threads) + DMS_ARENA_ALIGNMENT;
}

void dms_soft_attention(dms_context *context, const dms_soft_attention_args *args) {
    call_t call = {.kernels = context->soft_attention};
    take_call(&call, args, (char *)dms_round_up((size_t)args->scratch, DMS_ARENA_ALIGNMENT), (size_t)context->threads);
    dms_soft_pack_keys(context, &call.pack, 0, args->sequences);
    dms_parallel(context, args->sequences * args->query_heads * call.tiles, run_tile, &call);
}

const dms_soft_attention_kernels *dms_soft_attention_kernels_for(dms_isa isa) {
    switch (isa) {
#if DMS_X86
    case DMS_ISA_AVX2:
    case DMS_ISA_AVX2_VNNI: return &dms_soft_attention_kernels_avx2;
    case DMS_ISA_AVX512:
    case DMS_ISA_AVX512_BF16:
    case DMS_ISA_AMX: return &dms_soft_attention_kernels_avx512;
#elif DMS_ARM
    case DMS_ISA_NEON: return &dms_soft_attention_kernels_neon;
#endif
    default: return &dms_soft_attention_kernels_portable;
    }
}
