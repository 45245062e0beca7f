// The backward driver of training's attention. A task takes one query head of one sequence through all pairs of tiles
// and adds up the gradients of keys, values and biases on its own; the query heads of a group are then summed in order.
// Sequences go through in waves, so that scratch memory is bounded by what keeps the threads busy.
#include "dms_soft_attention.h"

enum {
    TASKS_PER_THREAD = 8,  // of a wave, where there are so many
};

typedef struct {
    const dms_soft_attention_args *args;
    const dms_soft_attention_kernels *kernels;
    dms_soft_pack pack;
    size_t wave;            // sequences at a time
    size_t first_sequence;  // of the wave in work
    // Of every query head in the wave: [query head][padded length][padded_dim], and without the last for the bias.
    float *grad_keys, *grad_values, *grad_bias;
    char *workers;
    size_t worker_bytes;
} call_t;

static size_t padded_length(const call_t *call) { return call->pack.tiles * DMS_SOFT_KEYS; }

// The gradients that the query head number `head` of the wave gives, from one position on.
static dms_soft_gradients gradients_at(const call_t *call, size_t head, size_t position) {
    size_t row = head * padded_length(call) + position, dim = call->pack.shape.padded_dim;
    return (dms_soft_gradients){call->grad_keys + row * dim, call->grad_values + row * dim,
                                call->args->bias ? call->grad_bias + row : NULL};
}

static dms_soft_queries take_queries(dms_arena *arena, const dms_soft_shape *shape) {
    size_t row_bytes = DMS_SOFT_QUERIES * shape->padded_dim * sizeof(float);
    dms_soft_queries queries = {0};
    queries.queries = dms_take(arena, row_bytes);
    queries.grad_out = dms_take(arena, row_bytes);
    queries.grad = dms_take(arena, row_bytes);
    queries.log_sum_exp = dms_take(arena, DMS_SOFT_QUERIES * sizeof(float));
    queries.delta = dms_take(arena, DMS_SOFT_QUERIES * sizeof(float));
    queries.scores = dms_take(arena, DMS_SOFT_QUERIES * DMS_SOFT_KEYS * sizeof(float));
    queries.grad_scores = dms_take(arena, DMS_SOFT_QUERIES * DMS_SOFT_KEYS * sizeof(float));
    return queries;
}

static void clear_gradients(const call_t *call, size_t head) {
    dms_soft_gradients gradients = gradients_at(call, head, 0);
    size_t rows = padded_length(call), row_bytes = call->pack.shape.padded_dim * sizeof(float);
    memset(gradients.keys, 0, rows * row_bytes);
    memset(gradients.values, 0, rows * row_bytes);
    if (gradients.bias) memset(gradients.bias, 0, rows * sizeof(float));
}

static void run_head(void *info, size_t index, size_t worker) {
    const call_t *call = info;
    const dms_soft_attention_args *args = call->args;
    const dms_soft_shape *shape = &call->pack.shape;
    size_t head = index % args->query_heads, wave_sequence = index / args->query_heads;
    size_t sequence = call->first_sequence + wave_sequence;
    size_t kv_head = head / (args->query_heads / args->kv_heads);
    const dms_soft_keys *keys = call->pack.keys + (wave_sequence * args->kv_heads + kv_head) * call->pack.tiles;
    dms_arena arena = {call->workers + worker * call->worker_bytes, 0};
    dms_soft_queries queries = take_queries(&arena, shape);
    clear_gradients(call, index);
    for (size_t first = 0; first < args->length; first += DMS_SOFT_QUERIES) {
        size_t row = sequence * args->length + first, column = head * args->head_dim;
        size_t out = row * args->out_stride + column;
        queries.first = first;
        queries.count = DMS_MIN(DMS_SOFT_QUERIES, args->length - first);
        call->kernels->prepare(shape, args->q + row * args->q_stride + column, args->q_stride, args->out + out,
                               args->grad_out + out, args->out_stride,
                               args->log_sum_exp + (sequence * args->query_heads + head) * args->length + first,
                               &queries);
        memset(queries.grad, 0, queries.count * shape->padded_dim * sizeof(float));
        for (size_t k = 0; k * DMS_SOFT_KEYS < first + queries.count; ++k) {
            dms_soft_gradients gradients = gradients_at(call, index, k * DMS_SOFT_KEYS);
            call->kernels->backward(shape, keys + k, &queries, &gradients);
        }
        for (size_t i = 0; i < queries.count; ++i) {
            const float *grad = queries.grad + i * shape->padded_dim;
            float *grad_q = args->grad_q + (row + i) * args->q_stride + column;
            for (size_t c = 0; c < args->head_dim; ++c) grad_q[c] = args->scale * grad[c];
        }
    }
}

// Sums one row of every query head of a group, `stride` apart, in order.
static void sum_group(size_t group, size_t stride, size_t columns, float scale, const float *parts, float *sum) {
    for (size_t c = 0; c < columns; ++c) sum[c] = parts[c];
    for (size_t h = 1; h < group; ++h) {
        for (size_t c = 0; c < columns; ++c) sum[c] += parts[h * stride + c];
    }
    if (scale == 1.0f) return;
    for (size_t c = 0; c < columns; ++c) sum[c] *= scale;
}

static void reduce_tile(void *info, size_t index, size_t worker) {
    const call_t *call = info;
    const dms_soft_attention_args *args = call->args;
    size_t group = args->query_heads / args->kv_heads, head = index / call->pack.tiles;  // of the wave's KV heads
    size_t first = index % call->pack.tiles * DMS_SOFT_KEYS, count = DMS_MIN(DMS_SOFT_KEYS, args->length - first);
    size_t sequence = call->first_sequence + head / args->kv_heads, kv_head = head % args->kv_heads;
    size_t dim = call->pack.shape.padded_dim, stride = padded_length(call);
    dms_soft_gradients parts = gradients_at(call, head * group, first);
    for (size_t i = 0; i < count; ++i) {
        size_t row = sequence * args->length + first + i, column = kv_head * args->head_dim;
        sum_group(group, stride * dim, args->head_dim, args->scale, parts.keys + i * dim,
                  args->grad_k + row * args->k_stride + column);
        sum_group(group, stride * dim, args->head_dim, 1.0f, parts.values + i * dim,
                  args->grad_v + row * args->v_stride + column);
    }
    if (parts.bias) {
        float *grad_bias = args->grad_bias + (sequence * args->kv_heads + kv_head) * args->length + first;
        sum_group(group, stride, count, 1.0f, parts.bias, grad_bias);
    }
}

static size_t take_call(call_t *call, const dms_soft_attention_args *args, char *scratch, size_t threads) {
    call->args = args;
    size_t wanted = (TASKS_PER_THREAD * threads + args->query_heads - 1) / args->query_heads;
    call->wave = DMS_MIN(args->sequences, wanted);
    dms_arena arena = {scratch, 0}, worker = {NULL, 0};
    call->pack = dms_soft_take_pack(&arena, args, call->wave, 1);
    size_t rows = call->wave * args->query_heads * padded_length(call);
    call->grad_keys = dms_take(&arena, rows * call->pack.shape.padded_dim * sizeof(float));
    call->grad_values = dms_take(&arena, rows * call->pack.shape.padded_dim * sizeof(float));
    call->grad_bias = dms_take(&arena, args->bias ? rows * sizeof(float) : 0);
    take_queries(&worker, &call->pack.shape);
    call->worker_bytes = worker.used;
    call->workers = dms_take(&arena, threads * call->worker_bytes);
    return arena.used;
}

size_t dms_soft_attention_backward_scratch_bytes(const dms_context *context, const dms_soft_attention_args *args) {
    call_t call;
    return take_call(&call, args, NULL, (size_t)context->threads) + DMS_ARENA_ALIGNMENT;
}

void dms_soft_attention_backward(dms_context *context, const dms_soft_attention_args *args) {
    call_t call = {.kernels = context->soft_attention};
    take_call(&call, args, (char *)dms_round_up((size_t)args->scratch, DMS_ARENA_ALIGNMENT), (size_t)context->threads);
    for (size_t first = 0; first < args->sequences; first += call.wave) {
        size_t count = DMS_MIN(call.wave, args->sequences - first);
        call.first_sequence = first;
        dms_soft_pack_keys(context, &call.pack, first, count);
        dms_parallel(context, count * args->query_heads, run_head, &call);
        dms_parallel(context, count * args->kv_heads * call.pack.tiles, reduce_tile, &call);
    }
}
