// Training's attention of one tile of queries and one tile of keys, forward and backward, for the instruction set whose
// dms_simd_*.h was included before. All products are the same small one, rows of broadcast elements times a matrix
// whose rows are vectors; where queries are summed over, the scores are its left matrix transposed.

#define GEMM(name) name
#define GEMM_TARGET DMS_TARGET
#define GEMM_STEP(left, right, sum) vf_fma(left, right, sum)
#include "dms_gemm_body.h"

#define GEMM(name) name##_transposed
#define GEMM_TARGET DMS_TARGET
#define GEMM_STEP(left, right, sum) vf_fma(left, right, sum)
#define GEMM_LEFT(a, stride, i, k) ((a) + (k) * (stride) + (i))
#include "dms_gemm_body.h"

// Partial loads and stores are slow on some processors, and heads are mostly whole vectors.
DMS_FN vf load_lanes(const float *p, size_t lanes) { return lanes >= VF_LANES ? vf_load(p) : vf_load_n(p, lanes); }

DMS_FN void store_lanes(float *p, vf v, size_t lanes) {
    if (lanes >= VF_LANES) {
        vf_store(p, v);
    } else {
        vf_store_n(p, v, lanes);
    }
}

// Which pairs of a tile carry the key's bias. Knowing it for all of them saves a comparison for each.
enum { NONE_BIASED, ALL_BIASED, SOME_BIASED };

// For queries at positions first...last.
DMS_FN int bias_of(const dms_soft_keys *keys, size_t first, size_t last) {
    if (!keys->bias || (int64_t)last <= keys->least_unbiased) return NONE_BIASED;
    return (int64_t)first > keys->most_unbiased ? ALL_BIASED : SOME_BIASED;
}

// Keys of the tile that the query at `position` sees.
DMS_FN size_t keys_seen(const dms_soft_keys *keys, size_t position) {
    return position < keys->first ? 0 : DMS_MIN((size_t)DMS_SOFT_KEYS, position - keys->first + 1);
}

// Queries from `position` on that go through the products together: all of a tile or, where some do not see all keys,
// few, so that most pairs which are not seen can be left out.
DMS_FN size_t strip_rows(const dms_soft_keys *keys, size_t position) {
    return keys_seen(keys, position) < DMS_SOFT_KEYS ? DMS_SOFT_STRIP : DMS_SOFT_QUERIES;
}

// The bound of keys that are seen for ever.
static const int32_t no_last[VF_LANES] = {[0 ... VF_LANES - 1] = INT32_MAX};

DMS_FN vf where_causal(const dms_soft_keys *keys, size_t j, int32_t position, vf seen, vf unseen) {
    return vf_where_seen(keys->positions + j, no_last, position, seen, unseen);
}

// A key that the query does not see yet counts as biased.
DMS_FN vf where_unbiased(const dms_soft_keys *keys, size_t j, int32_t position, vf unbiased, vf biased) {
    return vf_where_seen(keys->positions + j, keys->last_unbiased + j, position, unbiased, biased);
}

// MARK: Forward

// Products of one query with the first `columns` keys become scores; returns the largest.
DMS_FN float score_row(const int causal, const int bias, const dms_soft_shape *shape, const dms_soft_keys *keys,
                       int32_t position, size_t columns, float *scores) {
    vf maximum = vf_set1(-INFINITY), scale = vf_set1(shape->scale);
    for (size_t j = 0; j < columns; j += VF_LANES) {
        vf product = vf_load(scores + j), x = vf_mul(product, scale);
        if (bias != NONE_BIASED) {
            vf biased = vf_fma(product, scale, vf_load(keys->bias + j));
            x = bias == ALL_BIASED ? biased : where_unbiased(keys, j, position, x, biased);
        }
        if (causal) x = where_causal(keys, j, position, x, vf_set1(-INFINITY));
        vf_store(scores + j, x);
        maximum = vf_max(x, maximum);
    }
    return vf_maximum(maximum);
}

DMS_FN float score_row_of(int causal, int bias, const dms_soft_shape *shape, const dms_soft_keys *keys,
                          int32_t position, size_t columns, float *scores) {
    if (causal) {
        return bias == NONE_BIASED ? score_row(1, NONE_BIASED, shape, keys, position, columns, scores)
                                   : score_row(1, SOME_BIASED, shape, keys, position, columns, scores);
    }
    switch (bias) {
    case NONE_BIASED: return score_row(0, NONE_BIASED, shape, keys, position, DMS_SOFT_KEYS, scores);
    case ALL_BIASED: return score_row(0, ALL_BIASED, shape, keys, position, DMS_SOFT_KEYS, scores);
    default: return score_row(0, SOME_BIASED, shape, keys, position, DMS_SOFT_KEYS, scores);
    }
}

// Replaces scores by 2^(score - zero) and returns the sum.
DMS_FN float exponentiate(size_t columns, float zero, float *scores) {
    vf sum = vf_set1(0.0f);
    for (size_t j = 0; j < columns; j += VF_LANES) {
        vf p = vf_exp2(vf_sub(vf_load(scores + j), vf_set1(zero)));
        sum = vf_add(sum, p);
        vf_store(scores + j, p);
    }
    return vf_sum(sum);
}

// The exponent's zero point: a row whose keys so far all have a bias of -infinity has no maximum to subtract.
DMS_FN float zero_point(float maximum) { return maximum == -INFINITY ? 0.0f : maximum; }

// products -> probabilities for a strip of queries, whose sums so far are brought to the new maximum.
DMS_FN void softmax_strip(const dms_soft_shape *shape, const dms_soft_keys *keys, size_t first, size_t rows,
                          size_t columns, float *maximum, float *sum, float *output, float *scores) {
    float factor[DMS_SOFT_QUERIES + DMS_SOFT_PAD] = {0};
    int causal = keys_seen(keys, first) < DMS_SOFT_KEYS, bias = bias_of(keys, first, first + rows - 1);
    for (size_t i = 0; i < rows; ++i) {
        float old = maximum[i];
        float found =
            score_row_of(causal, bias, shape, keys, (int32_t)(first + i), columns, scores + i * DMS_SOFT_KEYS);
        maximum[i] = found > old ? found : old;
        factor[i] = old - zero_point(maximum[i]);
    }
    for (size_t i = 0; i < rows; i += VF_LANES) vf_store(factor + i, vf_exp2(vf_load(factor + i)));
    for (size_t i = 0; i < rows; ++i) {
        float found = exponentiate(columns, zero_point(maximum[i]), scores + i * DMS_SOFT_KEYS);
        sum[i] = sum[i] * factor[i] + found;
        if (factor[i] == 1.0f) continue;
        float *row = output + i * shape->padded_dim;
        for (size_t c = 0; c < shape->head_dim; c += VF_LANES) {
            vf_store(row + c, vf_mul(vf_load(row + c), vf_set1(factor[i])));
        }
    }
}

DMS_TARGET static void attend(const dms_soft_shape *shape, const dms_soft_keys *keys, size_t position, size_t rows,
                              const float *q, size_t q_stride, const dms_soft_state *state) {
    size_t dim = shape->head_dim, stride = shape->padded_dim, strip = strip_rows(keys, position);
    for (size_t row = 0; row < rows; row += strip) {
        size_t count = DMS_MIN(strip, rows - row), first = position + row;
        size_t columns = keys_seen(keys, first + count - 1);
        if (columns == 0) continue;
        float *output = state->output + row * stride;
        gemm(count, columns, dim, q + row * q_stride, q_stride, keys->transposed, DMS_SOFT_KEYS, state->scores,
             DMS_SOFT_KEYS, 0);
        softmax_strip(shape, keys, first, count, columns, state->maximum + row, state->sum + row, output,
                      state->scores);
        gemm(count, dim, columns, state->scores, DMS_SOFT_KEYS, keys->values, stride, output, stride, 1);
    }
}

DMS_TARGET static void finish(const dms_soft_shape *shape, const dms_soft_state *state, size_t rows, float *out,
                              size_t out_stride, float *log_sum_exp) {
    for (size_t i = 0; i < rows; ++i) {
        const float *output = state->output + i * shape->padded_dim;
        float sum = state->sum[i];
        vf inverse = vf_set1(sum == 0.0f ? 0.0f : 1.0f / sum);
        for (size_t c = 0; c < shape->head_dim; c += VF_LANES) {
            vf x = vf_mul(vf_load(output + c), inverse);
            store_lanes(out + i * out_stride + c, x, shape->head_dim - c);
        }
        log_sum_exp[i] = state->maximum[i] * 0x1.62e43p-1f + logf(sum);  // ln 2
    }
}

// MARK: Backward

DMS_TARGET static void prepare(const dms_soft_shape *shape, const float *q, size_t q_stride, const float *out,
                               const float *grad_out, size_t out_stride, const float *log_sum_exp,
                               dms_soft_queries *queries) {
    for (size_t i = 0; i < queries->count; ++i) {
        vf delta = vf_set1(0.0f);
        for (size_t c = 0; c < shape->head_dim; c += VF_LANES) {
            size_t lanes = shape->head_dim - c, at = i * shape->padded_dim + c;
            vf gradient = load_lanes(grad_out + i * out_stride + c, lanes);
            delta = vf_fma(gradient, load_lanes(out + i * out_stride + c, lanes), delta);
            vf_store(queries->grad_out + at, gradient);
            vf_store(queries->queries + at, load_lanes(q + i * q_stride + c, lanes));
        }
        queries->delta[i] = vf_sum(delta);
        queries->log_sum_exp[i] = log_sum_exp[i] * -0x1.715476p+0f;  // log2(e)
    }
}

// For the queries first...last of a tile and the first `columns` keys:
// scores: products of queries and keys -> probabilities; grad_scores: gradients of the probabilities -> of the scores.
// Both are 0 where a query does not see a key.
DMS_FN void differentiate(const int causal, const int bias, const dms_soft_shape *shape, const dms_soft_keys *keys,
                          const dms_soft_queries *queries, size_t first, size_t last, size_t columns,
                          float *grad_bias) {
    vf scale = vf_set1(shape->scale), zero = vf_set1(0.0f);
    for (size_t j = 0; j < columns; j += VF_LANES) {
        vf offset = bias == NONE_BIASED ? zero : vf_load(keys->bias + j), sum = zero;
        for (size_t i = first; i <= last; ++i) {
            int32_t position = (int32_t)(queries->first + i);
            float *score = queries->scores + i * DMS_SOFT_KEYS + j;
            float *gradient = queries->grad_scores + i * DMS_SOFT_KEYS + j;
            vf x = vf_fma(vf_load(score), scale, vf_set1(queries->log_sum_exp[i]));
            if (bias == ALL_BIASED) x = vf_add(x, offset);
            if (bias == SOME_BIASED) x = vf_add(x, where_unbiased(keys, j, position, zero, offset));
            vf p = vf_exp2(x);
            vf g = vf_mul(p, vf_sub(vf_load(gradient), vf_set1(queries->delta[i])));
            if (causal) {
                p = where_causal(keys, j, position, p, zero);
                g = where_causal(keys, j, position, g, zero);
            }
            if (bias == ALL_BIASED) sum = vf_add(sum, g);
            if (bias == SOME_BIASED) sum = vf_add(sum, where_unbiased(keys, j, position, zero, g));
            vf_store(score, p);
            vf_store(gradient, g);
        }
        if (bias != NONE_BIASED) vf_store(grad_bias + j, vf_add(vf_load(grad_bias + j), sum));
    }
}

DMS_TARGET static void differentiate_strip(int causal, const dms_soft_shape *shape, const dms_soft_keys *keys,
                                           const dms_soft_queries *queries, size_t first, size_t last, size_t columns,
                                           float *grad_bias) {
    int bias = bias_of(keys, queries->first + first, queries->first + last);
    if (causal) {
        if (bias == NONE_BIASED) {
            differentiate(1, NONE_BIASED, shape, keys, queries, first, last, columns, grad_bias);
        } else {
            differentiate(1, SOME_BIASED, shape, keys, queries, first, last, columns, grad_bias);
        }
        return;
    }
    switch (bias) {
    case NONE_BIASED: differentiate(0, NONE_BIASED, shape, keys, queries, first, last, columns, grad_bias); break;
    case ALL_BIASED: differentiate(0, ALL_BIASED, shape, keys, queries, first, last, columns, grad_bias); break;
    default: differentiate(0, SOME_BIASED, shape, keys, queries, first, last, columns, grad_bias); break;
    }
}

// Probabilities, gradients of the scores, and what these give the queries.
DMS_TARGET static void backward_queries(size_t strip, const dms_soft_shape *shape, const dms_soft_keys *keys,
                                        const dms_soft_queries *queries, float *grad_bias) {
    size_t dim = shape->head_dim, stride = shape->padded_dim;
    for (size_t row = 0; row < queries->count; row += strip) {
        size_t count = DMS_MIN(strip, queries->count - row), last = row + count - 1;
        size_t columns = keys_seen(keys, queries->first + last), at = row * DMS_SOFT_KEYS;
        if (columns == 0) continue;
        gemm(count, columns, dim, queries->queries + row * stride, stride, keys->transposed, DMS_SOFT_KEYS,
             queries->scores + at, DMS_SOFT_KEYS, 0);
        gemm(count, columns, dim, queries->grad_out + row * stride, stride, keys->values, DMS_SOFT_KEYS,
             queries->grad_scores + at, DMS_SOFT_KEYS, 0);
        // A strip of keys, below, reads up to a strip further than a query sees.
        int causal = strip == DMS_SOFT_STRIP;
        differentiate_strip(causal, shape, keys, queries, row, last,
                            DMS_MIN((size_t)DMS_SOFT_KEYS, columns + DMS_SOFT_STRIP - 1), grad_bias);
        gemm(count, dim, columns, queries->grad_scores + at, DMS_SOFT_KEYS, keys->keys, stride,
             queries->grad + row * stride, stride, 1);
    }
}

DMS_TARGET static void backward(const dms_soft_shape *shape, const dms_soft_keys *keys, const dms_soft_queries *queries,
                                const dms_soft_gradients *gradients) {
    size_t dim = shape->head_dim, stride = shape->padded_dim, strip = strip_rows(keys, queries->first);
    backward_queries(strip, shape, keys, queries, gradients->bias);
    for (size_t key = 0; key < DMS_SOFT_KEYS; key += strip) {
        size_t count = DMS_MIN(strip, DMS_SOFT_KEYS - key), position = keys->first + key;
        // Queries before the strip's first key see nothing of it.
        size_t blind = position > queries->first ? position - queries->first : 0;
        if (blind >= queries->count) break;
        size_t at = blind * DMS_SOFT_KEYS + key, depth = queries->count - blind;
        gemm_transposed(count, dim, depth, queries->scores + at, DMS_SOFT_KEYS, queries->grad_out + blind * stride,
                        stride, gradients->values + key * stride, stride, 1);
        gemm_transposed(count, dim, depth, queries->grad_scores + at, DMS_SOFT_KEYS, queries->queries + blind * stride,
                        stride, gradients->keys + key * stride, stride, 1);
    }
}

#define SOFT_ATTENTION_KERNELS {.attend = attend, .finish = finish, .prepare = prepare, .backward = backward}
