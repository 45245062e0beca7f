// Attention of one tile of rows to one block of keys, for the instruction set whose dms_simd_*.h was included before.
// Scores and weighted sums are the same small matrix product: rows of broadcast elements times a matrix whose rows are
// vectors (the keys transposed, the values as they are).

#define GEMM(name) name
#define GEMM_TARGET DMS_TARGET
#define GEMM_STEP(left, right, sum) vf_fma(left, right, sum)
#include "dms_gemm_body.h"

DMS_TARGET static void pack_queries(const dms_attention_shape *shape, const float *q, size_t rows, float *packed) {
    for (size_t row = 0; row < rows; ++row) {
        memcpy(packed + row * shape->padded_dim, q + row * shape->head_dim, shape->head_dim * sizeof *q);
    }
}

// While a block is read, the same place of the next one is asked for: pages lie anywhere, so the processor cannot
// guess.
#define PREFETCH(address) __builtin_prefetch(address, 0, 3)

// As many keys as a vector has lanes, to columns.
DMS_FN void pack_keys_of(const dms_dtype type, size_t dim, const void *const *keys, const void *const *next,
                         float *packed) {
    size_t bytes = dms_element_bytes(type);
    for (size_t c = 0; c < dim; c += VF_LANES) {
        size_t lanes = DMS_MIN((size_t)VF_LANES, dim - c);
        vf rows[VF_LANES];
        for (size_t i = 0; i < VF_LANES; ++i) {
            PREFETCH((const char *)next[i] + c * bytes);
            rows[i] = vf_load_elements_n(type, (const char *)keys[i] + c * bytes, lanes);
        }
        vf_transpose(rows);
        for (size_t i = 0; i < VF_LANES; ++i) vf_store(packed + (c + i) * DMS_ATTENTION_BLOCK, rows[i]);
    }
}

DMS_FN void pack_values_of(const dms_dtype type, size_t dim, const char *values, const char *next, float *packed) {
    size_t bytes = dms_element_bytes(type);
    for (size_t c = 0; c < dim; c += VF_LANES) {
        PREFETCH(next + c * bytes);
        vf_store(packed + c, vf_load_elements_n(type, values + c * bytes, DMS_MIN((size_t)VF_LANES, dim - c)));
    }
}

// Keys to [head_dim][block], values to [count][padded_dim], as floats without their scales.
DMS_FN void pack_block_of(const dms_dtype type, size_t dim, const dms_attention_shape *shape,
                          dms_attention_block *block, const dms_attention_block *next) {
    for (size_t slot = 0; slot < block->count; slot += VF_LANES) {
        pack_keys_of(type, dim, block->keys + slot, next->keys + slot, block->packed_keys + slot);
    }
    for (size_t slot = 0; slot < block->count; ++slot) {
        pack_values_of(type, dim, block->values[slot], next->values[slot],
                       block->packed_values + slot * shape->padded_dim);
    }
}

// The usual sizes are constants after inlining.
DMS_FN void pack_block_dim(const dms_dtype type, const dms_attention_shape *shape, dms_attention_block *block,
                           const dms_attention_block *next) {
    switch (shape->head_dim) {
    case 64: pack_block_of(type, 64, shape, block, next); break;
    case 128: pack_block_of(type, 128, shape, block, next); break;
    default: pack_block_of(type, shape->head_dim, shape, block, next); break;
    }
}

// 0 times a finite number is 0, times anything else NaN.
DMS_TARGET static int32_t values_are_finite(const dms_attention_shape *shape, const dms_attention_block *block) {
    vf sum = vf_set1(0.0f), zero = vf_set1(0.0f);
    for (size_t slot = 0; slot < block->count; ++slot) {
        const float *row = block->packed_values + slot * shape->padded_dim;
        vf partial = vf_mul(zero, vf_load(row));
        for (size_t c = VF_LANES; c < shape->head_dim; c += VF_LANES) {
            partial = vf_fma(zero, vf_load(row + c), partial);
        }
        sum = vf_add(sum, partial);
    }
    return vf_sum(sum) == 0.0f;
}

DMS_TARGET static void pack_block(const dms_attention_shape *shape, dms_attention_block *block,
                                  const dms_attention_block *next) {
    switch (shape->type) {
    case DMS_F32: pack_block_dim(DMS_F32, shape, block, next); break;
    case DMS_BF16: pack_block_dim(DMS_BF16, shape, block, next); break;
    case DMS_F16: pack_block_dim(DMS_F16, shape, block, next); break;
    case DMS_FP8_E4M3: pack_block_dim(DMS_FP8_E4M3, shape, block, next); break;
    case DMS_INT8: pack_block_dim(DMS_INT8, shape, block, next); break;
    case DMS_GROUPED_INT8:
    case DMS_GROUPED_INT4:
    case DMS_PANELS_INT8:
    case DMS_PANELS_INT4:
    case DMS_PANELS_BF16: break;  // weights
    }
    block->finite = !block->masked || values_are_finite(shape, block);
}

// Scales one row of scores, hides what the row does not see, and returns the largest.
DMS_FN float scale_scores(const dms_attention_shape *shape, const dms_attention_block *block, int32_t position,
                          float *scores) {
    vf maximum = vf_set1(-INFINITY);
    for (size_t j = 0; j < block->count; j += VF_LANES) {
        vf x = vf_mul(vf_load(scores + j), vf_set1(shape->scale));
        if (shape->scaled) x = vf_mul(x, vf_load(block->key_scales + j));
        if (block->masked) x = vf_where_seen(block->first + j, block->last + j, position, x, vf_set1(-INFINITY));
        vf_store(scores + j, x);
        maximum = vf_max(x, maximum);
    }
    return vf_maximum(maximum);
}

// Replaces one row of scores by 2^(score - maximum), times the values' scales, and returns the sum without these.
DMS_FN float exponentiate(const dms_attention_shape *shape, const dms_attention_block *block, int32_t position,
                          float maximum, float *scores) {
    vf sum = vf_set1(0.0f);
    for (size_t j = 0; j < block->count; j += VF_LANES) {
        vf p = vf_exp2(vf_sub(vf_load(scores + j), vf_set1(maximum)));
        sum = vf_add(sum, p);
        if (shape->scaled) {
            p = vf_mul(p, vf_load(block->value_scales + j));
            // A scale that is not finite must not reach the rows that do not see its slot.
            if (block->masked) p = vf_where_seen(block->first + j, block->last + j, position, p, vf_set1(0.0f));
        }
        vf_store(scores + j, p);
    }
    return vf_sum(sum);
}

DMS_FN void scale_row(float *row, size_t columns, float factor) {
    for (size_t c = 0; c < columns; c += VF_LANES) vf_store(row + c, vf_mul(vf_load(row + c), vf_set1(factor)));
}

// The exponent's zero point: a row that has seen nothing has no maximum to subtract.
DMS_FN float zero_point(float maximum) { return maximum == -INFINITY ? 0.0f : maximum; }

// scores -> probabilities for a group of rows, whose sums so far are brought to the new maximum.
DMS_FN void softmax_group(const dms_attention_shape *shape, const dms_attention_block *block, size_t rows,
                          const int32_t *positions, float *maximum, float *sum, float *output, float *scores) {
    float factor[DMS_ATTENTION_GROUP + DMS_ATTENTION_PAD];
    for (size_t i = 0; i < rows; ++i) {
        float old = maximum[i];
        float found = scale_scores(shape, block, positions[i], scores + i * DMS_ATTENTION_BLOCK);
        maximum[i] = found > old ? found : old;
        factor[i] = old - zero_point(maximum[i]);
    }
    for (size_t i = rows; i % VF_LANES != 0; ++i) factor[i] = 0.0f;
    for (size_t i = 0; i < rows; i += VF_LANES) vf_store(factor + i, vf_exp2(vf_load(factor + i)));
    for (size_t i = 0; i < rows; ++i) {
        float zero = zero_point(maximum[i]);
        float found = exponentiate(shape, block, positions[i], zero, scores + i * DMS_ATTENTION_BLOCK);
        sum[i] = sum[i] * factor[i] + found;
        if (factor[i] != 1.0f) scale_row(output + i * shape->padded_dim, shape->head_dim, factor[i]);
    }
}

// The weighted sum of the slots that one row sees, stretch by stretch, when the others' values are not finite.
DMS_TARGET static void add_seen_values(const dms_attention_shape *shape, const dms_attention_block *block,
                                       int32_t position, const float *probabilities, float *output) {
    for (size_t start = 0, end; start < block->count; start = end) {
        int seen = block->first[start] <= position && position <= block->last[start];
        end = start + 1;
        while (end < block->count && seen == (block->first[end] <= position && position <= block->last[end])) ++end;
        if (!seen) continue;
        gemm(1, shape->head_dim, end - start, probabilities + start, DMS_ATTENTION_BLOCK,
             block->packed_values + start * shape->padded_dim, shape->padded_dim, output, shape->padded_dim, 1);
    }
}

DMS_TARGET static void attend(const dms_attention_shape *shape, const dms_attention_block *block, size_t rows,
                              const float *queries, const int32_t *positions, const dms_attention_state *state,
                              float *scores) {
    size_t dim = shape->head_dim, stride = shape->padded_dim;
    for (size_t row = 0; row < rows; row += DMS_ATTENTION_GROUP) {
        size_t count = DMS_MIN((size_t)DMS_ATTENTION_GROUP, rows - row);
        float *output = state->output + row * stride;
        gemm(count, block->count, dim, queries + row * stride, stride, block->packed_keys, DMS_ATTENTION_BLOCK, scores,
             DMS_ATTENTION_BLOCK, 0);
        softmax_group(shape, block, count, positions + row, state->maximum + row, state->sum + row, output, scores);
        if (block->finite) {
            gemm(count, dim, block->count, scores, DMS_ATTENTION_BLOCK, block->packed_values, stride, output, stride,
                 1);
        } else {
            for (size_t i = 0; i < count; ++i) {
                add_seen_values(shape, block, positions[row + i], scores + i * DMS_ATTENTION_BLOCK,
                                output + i * stride);
            }
        }
    }
}

DMS_TARGET static void merge(const dms_attention_shape *shape, size_t rows, const dms_attention_state *total,
                             const dms_attention_state *part) {
    for (size_t row = 0; row < rows; ++row) {
        float a = total->maximum[row], b = part->maximum[row];
        float maximum = b > a ? b : a;
        float factors[VF_LANES] = {a - zero_point(maximum), b - zero_point(maximum)};
        vf_store(factors, vf_exp2(vf_load(factors)));
        total->maximum[row] = maximum;
        total->sum[row] = total->sum[row] * factors[0] + part->sum[row] * factors[1];
        float *output = total->output + row * shape->padded_dim;
        const float *other = part->output + row * shape->padded_dim;
        for (size_t c = 0; c < shape->head_dim; c += VF_LANES) {
            vf x = vf_mul(vf_load(output + c), vf_set1(factors[0]));
            vf_store(output + c, vf_fma(vf_load(other + c), vf_set1(factors[1]), x));
        }
    }
}

DMS_TARGET static void finish(const dms_attention_shape *shape, const float *output, float sum, float *out) {
    vf inverse = vf_set1(sum == 0.0f ? 0.0f : 1.0f / sum), zero = vf_set1(0.0f);
    // Adding 0 turns -0 into 0: which of them underflow left may depend on blocks that the row did not see.
    size_t c = 0;
    for (; c + VF_LANES <= shape->head_dim; c += VF_LANES) {
        vf_store(out + c, vf_add(vf_mul(vf_load(output + c), inverse), zero));
    }
    if (c < shape->head_dim) {
        vf_store_n(out + c, vf_add(vf_mul(vf_load(output + c), inverse), zero), shape->head_dim - c);
    }
}

#include "dms_kv_body.h"

#define ATTENTION_OPS \
    {.pack_queries = pack_queries, .pack_block = pack_block, .attend = attend, .merge = merge, .finish = finish}
