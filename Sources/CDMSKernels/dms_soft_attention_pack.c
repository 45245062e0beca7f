// Keys and values in the order in which the products of training's attention read them, a tile of keys at a time.
#include "dms_soft_attention.h"

static size_t tile_floats(const dms_soft_pack *pack) {
    const dms_soft_shape *shape = &pack->shape;
    size_t columns = pack->backward ? 2 * shape->head_dim + shape->padded_dim : shape->head_dim + shape->padded_dim;
    // Bias and two lists of positions.
    return (columns + 3) * DMS_SOFT_KEYS;
}

dms_soft_pack dms_soft_take_pack(dms_arena *arena, const dms_soft_attention_args *args, size_t sequences,
                                 int32_t backward) {
    dms_soft_pack pack = {.args = args, .backward = backward};
    pack.shape.head_dim = args->head_dim;
    pack.shape.padded_dim = dms_round_up(args->head_dim, DMS_SOFT_PAD);
    pack.shape.scale = args->scale * 0x1.715476p+0f;  // log2(e)
    pack.tiles = (args->length + DMS_SOFT_KEYS - 1) / DMS_SOFT_KEYS;
    size_t count = sequences * args->kv_heads * pack.tiles;
    pack.keys = dms_take(arena, count * sizeof *pack.keys);
    pack.memory = dms_take(arena, count * tile_floats(&pack) * sizeof(float));
    return pack;
}

static void pack_rows(const dms_soft_shape *shape, size_t count, const float *rows, size_t stride, float *packed) {
    memset(packed, 0, DMS_SOFT_KEYS * shape->padded_dim * sizeof *packed);
    for (size_t j = 0; j < count; ++j) {
        memcpy(packed + j * shape->padded_dim, rows + j * stride, shape->head_dim * sizeof *packed);
    }
}

static void pack_columns(const dms_soft_shape *shape, size_t count, const float *rows, size_t stride, float *packed) {
    for (size_t c = 0; c < shape->head_dim; ++c) {
        for (size_t j = 0; j < DMS_SOFT_KEYS; ++j) {
            packed[c * DMS_SOFT_KEYS + j] = j < count ? rows[j * stride + c] : 0.0f;
        }
    }
}

static void pack_bias(size_t count, const float *bias, const int32_t *last_unbiased, dms_soft_keys *keys) {
    keys->least_unbiased = INT32_MAX;
    keys->most_unbiased = INT32_MIN;
    for (size_t j = 0; j < DMS_SOFT_KEYS; ++j) {
        keys->bias[j] = j < count ? bias[j] * 0x1.715476p+0f : 0.0f;
        keys->last_unbiased[j] = j < count ? last_unbiased[j] : INT32_MAX;
        keys->least_unbiased = DMS_MIN(keys->least_unbiased, keys->last_unbiased[j]);
        keys->most_unbiased = DMS_MAX(keys->most_unbiased, keys->last_unbiased[j]);
    }
}

static void pack_tile(void *info, size_t index, size_t worker) {
    const dms_soft_pack *pack = info;
    const dms_soft_attention_args *args = pack->args;
    const dms_soft_shape *shape = &pack->shape;
    size_t first = index % pack->tiles * DMS_SOFT_KEYS, count = DMS_MIN(DMS_SOFT_KEYS, args->length - first);
    size_t head = index / pack->tiles % args->kv_heads;
    size_t sequence = pack->first_sequence + index / pack->tiles / args->kv_heads;
    size_t row = sequence * args->length + first;
    const float *k = args->k + row * args->k_stride + head * args->head_dim;
    const float *v = args->v + row * args->v_stride + head * args->head_dim;
    dms_soft_keys *keys = pack->keys + index;
    float *memory = pack->memory + index * tile_floats(pack);
    keys->first = first;
    keys->transposed = memory;
    keys->values = keys->transposed + DMS_SOFT_KEYS * shape->head_dim;
    pack_columns(shape, count, k, args->k_stride, keys->transposed);
    if (pack->backward) {
        keys->keys = keys->values + DMS_SOFT_KEYS * shape->head_dim;
        pack_columns(shape, count, v, args->v_stride, keys->values);
        pack_rows(shape, count, k, args->k_stride, keys->keys);
    } else {
        keys->keys = NULL;
        pack_rows(shape, count, v, args->v_stride, keys->values);
    }
    float *rest = memory + tile_floats(pack) - 3 * DMS_SOFT_KEYS;
    keys->positions = (int32_t *)(rest + DMS_SOFT_KEYS);
    for (size_t j = 0; j < DMS_SOFT_KEYS; ++j) keys->positions[j] = (int32_t)(first + j);
    keys->bias = NULL;
    keys->last_unbiased = NULL;
    if (args->bias) {
        keys->bias = rest;
        keys->last_unbiased = (int32_t *)(rest + 2 * DMS_SOFT_KEYS);
        pack_bias(count, args->bias + (sequence * args->kv_heads + head) * args->length + first,
                  args->last_unbiased + first, keys);
    }
}

void dms_soft_pack_keys(dms_context *context, dms_soft_pack *pack, size_t first, size_t count) {
    pack->first_sequence = first;
    dms_parallel(context, count * pack->args->kv_heads * pack->tiles, pack_tile, pack);
}
