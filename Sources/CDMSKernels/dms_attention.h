// The seam between the attention driver, which knows sequences, runs and threads, and the kernels, which know one
// block of keys and one tile of query rows. The driver is dms_attention.c; the kernels are dms_attention_body.h,
// compiled once per instruction set.
#ifndef DMS_ATTENTION_H
#define DMS_ATTENTION_H

#include "dms_internal.h"

enum {
    // Keys are taken in blocks of this many slots, counted from the start of a KV head's run list, however the list is
    // cut into runs.
    DMS_ATTENTION_BLOCK = 64,
    // Rows of a tile that go through a block together while their scores are in the first-level cache.
    DMS_ATTENTION_GROUP = 12,
    // Widest vector, which packed rows are padded to.
    DMS_ATTENTION_PAD = 16,
};

typedef struct dms_attention_shape {
    size_t head_dim;
    size_t padded_dim;  // head_dim rounded up to DMS_ATTENTION_PAD
    float scale;        // times log2(e): softmax works with powers of two
    dms_dtype type;
    int32_t scaled;  // key_scales and value_scales count
} dms_attention_shape;

typedef struct dms_attention_block {
    size_t count;
    // All can be read: from `count` on the rows repeat the last one.
    const void *keys[DMS_ATTENTION_BLOCK];
    const void *values[DMS_ATTENTION_BLOCK];
    float key_scales[DMS_ATTENTION_BLOCK];
    float value_scales[DMS_ATTENTION_BLOCK];
    // 0: every slot is seen by every row of the tile, and `first` and `last` are not filled in. Slots from `count` on
    // are seen by nobody.
    int32_t masked;
    int32_t first[DMS_ATTENTION_BLOCK];
    int32_t last[DMS_ATTENTION_BLOCK];
    // Filled by pack_block, in per-thread scratch of DMS_ATTENTION_BLOCK x padded_dim floats each.
    float *packed_keys;
    float *packed_values;
    // Whether the values of a masked block are finite, so that a probability of 0 takes them out.
    int32_t finite;
} dms_attention_block;

// The running softmax of a tile's rows: the largest score (in powers of two), the sum of 2^(score - maximum), and that
// sum with each term times its value row. A row that has seen nothing is (-infinity, 0, 0).
typedef struct dms_attention_state {
    float *maximum;  // [rows]
    float *sum;      // [rows]
    float *output;   // [rows][padded_dim]
} dms_attention_state;

// Every row's result is the same whatever rows stand beside it, and a block that a row does not see leaves its state
// exactly as it was.
typedef struct dms_attention_ops {
    // `rows` rows of head_dim floats, one after the other, to rows of padded_dim * 4 bytes.
    void (*pack_queries)(const dms_attention_shape *shape, const float *q, size_t rows, float *packed);
    // `next` is the block that comes after, to be fetched from memory meanwhile, or `block` itself when it is the last.
    void (*pack_block)(const dms_attention_shape *shape, dms_attention_block *block, const dms_attention_block *next);
    // `scores`: scratch of DMS_ATTENTION_GROUP x DMS_ATTENTION_BLOCK floats.
    void (*attend)(const dms_attention_shape *shape, const dms_attention_block *block, size_t rows,
                   const float *packed_queries, const int32_t *positions, const dms_attention_state *state,
                   float *scores);
    // total = total followed by part.
    void (*merge)(const dms_attention_shape *shape, size_t rows, const dms_attention_state *total,
                  const dms_attention_state *part);
    // out = output / sum, or zeros.
    void (*finish)(const dms_attention_shape *shape, const float *output, float sum, float *out);
} dms_attention_ops;

struct dms_attention_kernels {
    dms_attention_ops fp32;
    // For BF16 products of caches whose elements BF16 can hold: BF16, FP8 and INT8.
    dms_attention_ops bf16;
    // One row of a cache; NULL `scale` for the types without.
    void (*kv_store)(dms_dtype type, const float *x, size_t dim, void *destination, float *scale);
    void (*kv_load)(dms_dtype type, const void *source, const float *scale, size_t dim, float *y);
};

extern const dms_attention_kernels dms_attention_kernels_portable;
#if DMS_X86
extern const dms_attention_kernels dms_attention_kernels_avx2;
extern const dms_attention_kernels dms_attention_kernels_avx512;
extern const dms_attention_kernels dms_attention_kernels_avx512_bf16;
#elif DMS_ARM
extern const dms_attention_kernels dms_attention_kernels_neon;
#endif

#endif
