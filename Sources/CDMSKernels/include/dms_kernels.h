// The whole C interface of the CPU kernels.
//
// Conventions
//  - Matrices are row-major. A stride counts elements, not bytes, between the starts of two rows.
//  - Sizes are element counts; no pointer may be NULL unless its comment says so.
//  - Kernels never allocate: scratch memory is the caller's, its size asked for beforehand. Scratch and matrices
//    written to should be 64-byte aligned; weights may have the alignment of their element only.
//  - For a given instruction set, results do not depend on the number of threads, nor on how rows are grouped into
//    calls: row i of a call has the bits it would have alone.
//  - Sizes that contradict each other are the caller's bug; the Swift layer above checks them.
#ifndef DMS_KERNELS_H
#define DMS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Element types

typedef enum dms_dtype {
    DMS_F32 = 0,
    DMS_BF16 = 1,
    DMS_F16 = 2,
    DMS_FP8_E4M3 = 3,  // KV cache only, one float scale per row
    DMS_INT8 = 4,      // KV cache only, symmetric, one float scale per row
    // Weights of linear layers only, one BF16 scale for each group of consecutive inputs. A weight is (code - 128) or
    // (code - 8) times its scale, which FP32 holds exactly.
    DMS_GROUPED_INT8 = 5,  // a byte each
    DMS_GROUPED_INT4 = 6,  // two in a byte, the first in the low half
    // Weights of linear layers as dms_pack_panels lays them out; integers for DMS_PRECISION_INT8 alone.
    DMS_PANELS_INT8 = 7,
    DMS_PANELS_INT4 = 8,
    DMS_PANELS_BF16 = 9,
} dms_dtype;

// Bytes of one element; 0 where that is no whole number of them.
size_t dms_dtype_size(dms_dtype type);

// MARK: Instruction sets

typedef enum dms_isa {
    DMS_ISA_PORTABLE = 0,     // plain C; the twin every other version is tested against
    DMS_ISA_NEON = 1,         // AArch64
    DMS_ISA_AVX2 = 2,         // AVX2, FMA, F16C
    DMS_ISA_AVX2_VNNI = 3,    // the same with AVX-VNNI, for products of integers
    DMS_ISA_AVX512 = 4,       // AVX-512 F, BW, DQ, VL; VNNI for products of integers where there is
    DMS_ISA_AVX512_BF16 = 5,  // the same with VNNI and BF16 dot products
    DMS_ISA_AMX = 6,          // the same with tiles of BF16
    // The portable version, whose linear layers take BF16 by the plan for tiles: never the best, for tests of that plan.
    DMS_ISA_PORTABLE_TILES = 7,
} dms_isa;

enum { DMS_ISA_COUNT = 8 };

// 1 when this processor and operating system can run the version, else 0.
int32_t dms_isa_available(dms_isa isa);
// The fastest version available.
dms_isa dms_isa_best(void);
// "portable", "neon", "avx2", "avx2-vnni", "avx512", "avx512-bf16", "amx", "portable-tiles".
const char *dms_isa_name(dms_isa isa);

// MARK: Context: a table of kernels and a fork-join thread pool

typedef struct dms_context dms_context;

// `threads` counts the calling thread, so 1 starts none. NULL when the version is not available, `threads` is not in
// 1...1024, or a thread cannot be started. One thread at a time may call into a context.
dms_context *dms_context_new(dms_isa isa, int32_t threads);
void dms_context_free(dms_context *context);
int32_t dms_context_threads(const dms_context *context);
dms_isa dms_context_isa(const dms_context *context);
// Processors that the calling thread may run on, or 0 where the system does not say.
int32_t dms_affinity_count(void);

// Runs task(info, index, worker) for every index in 0..<count and returns when all are done. Indices are handed out
// in order to whichever thread is free; `worker` is in 0..<threads and names the thread, for per-thread scratch.
typedef void (*dms_task)(void *info, size_t index, size_t worker);
void dms_parallel(dms_context *context, size_t count, dms_task task, void *info);

// MARK: Linear layers

// How a product is computed. Sums are FP32, of integers within a group of DMS_PRECISION_INT8.
typedef enum dms_precision {
    DMS_PRECISION_FP32 = 0,  // weights of any type widened exactly; inputs as they are
    DMS_PRECISION_BF16 = 1,  // weights must be BF16 or grouped; inputs rounded to BF16 (to nearest, ties to even)
    // As BF16, but grouped weights must lie in panels: inputs are rounded to 8 bits, with a scale for each group of
    // theirs, and products summed as integers within a group. These have the same bits, NaN apart, with every
    // instruction set.
    DMS_PRECISION_INT8 = 2,
} dms_precision;

// y[i][n] = (accumulate ? y[i][n] : 0) + (sum over k of x[i][k] * weight[n][k]) + (bias ? bias[n] : 0)
typedef struct dms_linear_output {
    const void *weight;  // [out_features][in_features], contiguous, or panels
    dms_dtype weight_type;
    const float *bias;  // [out_features] or NULL
    size_t out_features;
    float *y;  // [rows][y_stride]
    size_t y_stride;
    int32_t accumulate;
    const uint16_t *scales;  // [out_features][in_features / group], BF16; for grouped weights, panels have their own
    size_t group;            // inputs that share a scale: 32, 64 or 128, a divisor of in_features; for either
} dms_linear_output;

// Several layers that read the same input (q, k and v; gate and up) are one call.
typedef struct dms_linear_args {
    const float *x;  // [rows][x_stride]
    size_t x_stride;
    size_t rows;
    size_t in_features;
    dms_precision precision;
    const dms_linear_output *outputs;
    size_t output_count;
    void *scratch;
    size_t scratch_bytes;
} dms_linear_args;

// Scratch that a call of this shape needs, whatever its outputs.
size_t dms_linear_scratch_bytes(const dms_context *context, size_t rows, size_t in_features, dms_precision precision);
void dms_linear(dms_context *context, const dms_linear_args *args);

// Rounds weights [rows][inputs] to grouped INT8 or INT4. The scale of a group is its largest magnitude over 127 or 7, or
// with `searches` that of twenty around it, down to 0.6 of it, which leaves the smallest sum of squared differences. A
// weight is rounded to nearest (ties to even), a group of zeros has the scale 1, and one that is not finite has the
// scale NaN. `codes` are [rows][inputs] of 8 or 4 bits, `scales` [rows][inputs / group]; the result depends on nothing
// but the weights.
void dms_quantize(dms_context *context, const float *weights, size_t rows, size_t inputs, dms_dtype type, size_t group,
                  int32_t searches, void *codes, uint16_t *scales);

enum { DMS_PANELS_OUTPUTS = 32 };  // of a panel

// Bytes of weights laid out in panels, which want an even address and profit from one of 64 bytes. `type` is that of the
// panels, or what it is made of; BF16 has no group.
size_t dms_panels_bytes(dms_dtype type, size_t outputs, size_t inputs, size_t group);
// Lays weights out in panels: grouped ones of 8 bits become DMS_PANELS_INT8, those of 4 DMS_PANELS_INT4, and BF16, which
// has no scales and no group, DMS_PANELS_BF16. Panels of some outputs from a multiple of 32 on are a piece of all.
void dms_pack_panels(dms_context *context, dms_dtype type, const void *weights, const uint16_t *scales, size_t outputs,
                     size_t inputs, size_t group, void *panels);

// MARK: Attention

// Consecutive slots of one KV head. Keys carry their rotary position already.
// Slot j is seen by the query at position p when first_query[j] <= p and p <= last_query[j]. The kernel knows nothing
// else about who sees what.
typedef struct dms_kv_run {
    const void *keys;           // [count][head_dim]
    const void *values;         // [count][head_dim]
    const float *key_scales;    // [count]; NULL unless FP8 or INT8
    const float *value_scales;  // [count]; NULL unless FP8 or INT8
    size_t count;
    const int32_t *first_query;  // [count]; NULL: seen by every query of the call, however early
    const int32_t *last_query;   // [count]; NULL: seen for ever
} dms_kv_run;

// The queries of one sequence in this call: rows at consecutive positions, and the runs of every KV head.
typedef struct dms_attention_sequence {
    size_t first_row;
    size_t rows;
    int32_t first_position;
    const dms_kv_run *runs;      // the runs of KV head h are run_starts[h] ..< run_starts[h + 1]
    const uint32_t *run_starts;  // [kv_heads + 1]
} dms_attention_sequence;

typedef struct dms_attention_args {
    const float *q;  // [rows][q_stride], query head h at h * head_dim, rotated
    size_t q_stride;
    float *out;  // [rows][out_stride], same layout
    size_t out_stride;
    size_t query_heads;  // a multiple of kv_heads; query head h reads KV head h / (query_heads / kv_heads)
    size_t kv_heads;
    size_t head_dim;  // even, at most 512
    float scale;      // multiplies q . k, usually 1 / sqrt(head_dim)
    dms_dtype kv_type;
    dms_precision precision;  // FP32: products in FP32. BF16: an implementation may round q and probabilities to BF16
    const dms_attention_sequence *sequences;
    size_t sequence_count;
    void *scratch;
    size_t scratch_bytes;
} dms_attention_args;

// Softmax attention with a running maximum and sum over blocks of keys (FlashAttention, arXiv 2205.14135): no buffer of
// queries x keys exists, and blocks that no query of a tile sees are skipped. A query that sees no key yields zeros.
// How a head's slots are cut into runs changes nothing in the result, only their order does.
size_t dms_attention_scratch_bytes(const dms_context *context, const dms_attention_args *args);
void dms_attention(dms_context *context, const dms_attention_args *args);

// Stores `count` rows of one KV head in a cache's element type. Row i comes from x + i * x_stride and goes to
// destination + i * dim elements; its scale (FP8, INT8) goes to scales[i], which is NULL for the other types.
// FP8: scale = max|x| / 448; INT8: scale = max|x| / 127; both round to nearest even; a row of zeros has scale 0.
// A row with an infinity or NaN gets the scale NaN in these two and reads back as NaN.
void dms_kv_store(const dms_context *context, dms_dtype type, const float *x, size_t x_stride, size_t count, size_t dim,
                  void *destination, float *scales);
// The inverse, to FP32; for tests and for reading a cache back.
void dms_kv_load(const dms_context *context, dms_dtype type, const void *source, const float *scales, size_t count,
                 size_t dim, float *y, size_t y_stride);

// MARK: Row-wise kernels

// y[i] = x[i] / sqrt(mean(x[i]^2) + eps) * weight. x may equal y. The sum of squares is taken in FP32, lane by lane.
void dms_rms_norm(dms_context *context, const float *x, size_t x_stride, size_t rows, size_t columns,
                  const float *weight, float eps, float *y, size_t y_stride);

// cosine[i][j] = cos(positions[i] * inverse_frequencies[j]), the angle rounded to FP32 as Transformers does.
void dms_rope_table(const int32_t *positions, size_t rows, const float *inverse_frequencies, size_t half,
                    float *cosine, float *sine);
// Rotates `heads` heads of 2 * half channels in place, pairing channel j with j + half ("rotate half").
void dms_rope(dms_context *context, float *x, size_t x_stride, size_t rows, size_t heads, size_t half,
              const float *cosine, const float *sine);

// y = gate / (1 + exp(-gate)) * up. y may equal gate or up.
void dms_swiglu(dms_context *context, const float *gate, size_t gate_stride, const float *up, size_t up_stride,
                size_t rows, size_t columns, float *y, size_t y_stride);

// y += x
void dms_add(dms_context *context, const float *x, size_t x_stride, size_t rows, size_t columns, float *y,
             size_t y_stride);

// y[i] = table[ids[i]], widened. Every id must be in range.
void dms_embedding(dms_context *context, const int32_t *ids, size_t rows, const void *table, dms_dtype table_type,
                   size_t columns, float *y, size_t y_stride);

// In place, row by row.
void dms_softmax(dms_context *context, float *x, size_t x_stride, size_t rows, size_t columns);
// log(sum(exp(x[i]))) of each row, computed from its maximum, summed in FP64 lanes. NaN if the row has one.
void dms_log_sum_exp(dms_context *context, const float *x, size_t x_stride, size_t rows, size_t columns, float *y);
// The smallest index of each row's largest value, NaN counting as larger than everything.
void dms_argmax(dms_context *context, const float *x, size_t x_stride, size_t rows, size_t columns, int32_t *y);

// Exact widening, and rounding to nearest even, of `count` elements (F32, BF16, F16).
void dms_convert(dms_context *context, const void *source, dms_dtype source_type, void *destination,
                 dms_dtype destination_type, size_t count);

// MARK: Ceilings: what this machine can do, for a benchmark to compare with

// Seconds to read `bytes` bytes once with every thread of the context.
double dms_measure_read(dms_context *context, const void *memory, size_t bytes);
// Seconds for `count` multiply-adds per thread from registers, in the products of a precision (INT8: of vectors, also
// where there are tiles), or in FP32 where the kernels have none of them; *operations receives multiplications plus
// additions of all threads together.
double dms_measure_arithmetic(dms_context *context, dms_precision precision, size_t count, double *operations);

#ifdef __cplusplus
}
#endif

#endif
