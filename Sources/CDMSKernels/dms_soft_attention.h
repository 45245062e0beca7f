// The seam between the drivers of training's attention, which know sequences, heads and threads, and the kernels, which
// know one tile of queries and one tile of keys of a head. The drivers are dms_soft_attention.c and
// dms_soft_attention_backward.c; the kernels are dms_soft_attention_body.h, compiled once per instruction set.
#ifndef DMS_SOFT_ATTENTION_H
#define DMS_SOFT_ATTENTION_H

#include "dms_arena.h"
#include "dms_training.h"

enum {
    DMS_SOFT_KEYS = 64,     // keys of a tile
    DMS_SOFT_QUERIES = 96,  // most queries of a tile; whatever belongs to a pair of tiles fits the L2 cache
    DMS_SOFT_STRIP = 12,    // queries, or keys, that go through a tile on the diagonal together
    // Widest vector, which packed rows are padded to.
    DMS_SOFT_PAD = 16,
};

typedef struct dms_soft_shape {
    size_t head_dim;
    size_t padded_dim;  // head_dim rounded up to DMS_SOFT_PAD
    float scale;        // times log2(e): softmax works with powers of two
} dms_soft_shape;

// A tile of keys of one KV head. Behind a sequence's end keys and values are zeros; no query is late enough to see
// them.
typedef struct dms_soft_keys {
    size_t first;       // position of the first key
    float *transposed;  // the keys, [head_dim][DMS_SOFT_KEYS]
    float *keys;        // [DMS_SOFT_KEYS][padded_dim]; backward only
    float *values;      // [DMS_SOFT_KEYS][padded_dim] in forward, [head_dim][DMS_SOFT_KEYS] in backward
    int32_t *positions;
    float *bias;             // times log2(e); NULL: none
    int32_t *last_unbiased;  // NULL exactly when bias is
    int32_t least_unbiased, most_unbiased;  // the bounds of last_unbiased
} dms_soft_keys;

// The running softmax of a tile of queries, as dms_attention_state.
typedef struct dms_soft_state {
    float *maximum;  // [DMS_SOFT_QUERIES], in powers of two
    float *sum;      // [DMS_SOFT_QUERIES]
    float *output;   // [DMS_SOFT_QUERIES][padded_dim]
    float *scores;   // [DMS_SOFT_QUERIES][DMS_SOFT_KEYS]
} dms_soft_state;

// A tile of queries in backward.
typedef struct dms_soft_queries {
    size_t first, count;  // positions
    float *queries;       // [DMS_SOFT_QUERIES][padded_dim]
    float *grad_out;      // the same
    float *log_sum_exp;   // [DMS_SOFT_QUERIES], negative, in powers of two
    float *delta;         // [DMS_SOFT_QUERIES], sum of grad_out * out
    float *grad;          // [DMS_SOFT_QUERIES][padded_dim], by scale * the queries
    float *scores;        // [DMS_SOFT_QUERIES][DMS_SOFT_KEYS]
    float *grad_scores;   // the same
} dms_soft_queries;

// The gradients of a tile of keys by one query head; added to.
typedef struct dms_soft_gradients {
    float *keys;    // [DMS_SOFT_KEYS][padded_dim], by scale * the keys
    float *values;  // [DMS_SOFT_KEYS][padded_dim]
    float *bias;    // [DMS_SOFT_KEYS]; NULL: not wanted
} dms_soft_gradients;

struct dms_soft_attention_kernels {
    // `rows` queries, the first at `position`, attend to one tile of keys.
    void (*attend)(const dms_soft_shape *shape, const dms_soft_keys *keys, size_t position, size_t rows, const float *q,
                   size_t q_stride, const dms_soft_state *state);
    // out = output / sum; log_sum_exp in natural units.
    void (*finish)(const dms_soft_shape *shape, const dms_soft_state *state, size_t rows, float *out,
                   size_t out_stride, float *log_sum_exp);
    // Fills a tile of queries, but for its gradient and scores, from the rows of one head.
    void (*prepare)(const dms_soft_shape *shape, const float *q, size_t q_stride, const float *out,
                    const float *grad_out, size_t out_stride, const float *log_sum_exp, dms_soft_queries *queries);
    // Adds what one tile of keys and one of queries give each other.
    void (*backward)(const dms_soft_shape *shape, const dms_soft_keys *keys, const dms_soft_queries *queries,
                     const dms_soft_gradients *gradients);
};

extern const dms_soft_attention_kernels dms_soft_attention_kernels_portable;
#if DMS_X86
extern const dms_soft_attention_kernels dms_soft_attention_kernels_avx2;
extern const dms_soft_attention_kernels dms_soft_attention_kernels_avx512;
#elif DMS_ARM
extern const dms_soft_attention_kernels dms_soft_attention_kernels_neon;
#endif

// MARK: Packed keys, which both drivers need

typedef struct dms_soft_pack {
    const dms_soft_attention_args *args;
    dms_soft_shape shape;
    size_t tiles;  // of a KV head
    int32_t backward;
    size_t first_sequence;
    dms_soft_keys *keys;  // [sequences][kv_heads][tiles]
    float *memory;
} dms_soft_pack;

// Of `sequences` sequences at a time.
dms_soft_pack dms_soft_take_pack(dms_arena *arena, const dms_soft_attention_args *args, size_t sequences,
                                 int32_t backward);
// Packs the keys of sequences `first` ..< `first + count`.
void dms_soft_pack_keys(dms_context *context, dms_soft_pack *pack, size_t first, size_t count);

#endif
