// Attention with BF16 dot products (AVX512_BF16): queries and probabilities are rounded to BF16, keys and values are
// BF16 already or small enough to become BF16 exactly, and each step of a sum adds two products. Everything is laid out
// in pairs: queries and keys of neighbouring channels, probabilities and values of neighbouring slots.
//
// Included after dms_attention_body.h, whose softmax it shares.

#define BF16_TARGET DMS_TARGET_AVX512_BF16
#define BF16_FN static inline __attribute__((always_inline)) BF16_TARGET

#define GEMM(name) name##_bf16
#define GEMM_TARGET BF16_TARGET
#define GEMM_STEP(left, right, sum) _mm512_dpbf16_ps(sum, (__m512bh)(left), (__m512bh)(right))
#include "dms_gemm_body.h"

enum { WIDE = 32 };  // BF16 elements of a vector

// FP8 codes in 16-bit lanes to BF16. The biases are 7 and 127, the mantissas 3 and 7 bits.
BF16_FN __m512i fp8_to_bf16(__m512i code) {
    // What the eight codes below 2^-6 stand for: 0 to 7 times 2^-9.
    const __m512i small = _mm512_castsi128_si512(
        _mm_setr_epi16(0, 0x3b00, 0x3b80, 0x3bc0, 0x3c00, 0x3c20, 0x3c40, 0x3c60));
    __m512i magnitude = _mm512_and_si512(code, _mm512_set1_epi16(0x7f));
    __m512i sign = _mm512_slli_epi16(_mm512_andnot_si512(_mm512_set1_epi16(0x7f), code), 8);
    __m512i result = _mm512_add_epi16(_mm512_slli_epi16(magnitude, 4), _mm512_set1_epi16(120 << 7));
    __mmask32 subnormal = _mm512_cmplt_epi16_mask(magnitude, _mm512_set1_epi16(8));
    result = _mm512_mask_permutexvar_epi16(result, subnormal, magnitude, small);
    __mmask32 nan = _mm512_cmpeq_epi16_mask(magnitude, _mm512_set1_epi16(0x7f));
    result = _mm512_mask_mov_epi16(result, nan, _mm512_set1_epi16(0x7fc0));
    return _mm512_or_si512(result, sign);
}

BF16_FN __m512i int8_to_bf16(__m256i code) {
    __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(code)));
    __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(code, 1)));
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// The first `n` of 32 elements, zeros behind them.
BF16_FN __m512i load_wide(const dms_dtype type, const void *p, size_t n) {
    __mmask32 lanes = n >= WIDE ? ~(__mmask32)0 : ((__mmask32)1 << n) - 1;
    if (type == DMS_BF16) return _mm512_maskz_loadu_epi16(lanes, p);
    __m256i code = _mm256_maskz_loadu_epi8(lanes, p);
    return type == DMS_FP8_E4M3 ? fp8_to_bf16(_mm512_cvtepu8_epi16(code)) : int8_to_bf16(code);
}

BF16_TARGET static void pack_queries_bf16(const dms_attention_shape *shape, const float *q, size_t rows,
                                          float *packed) {
    for (size_t row = 0; row < rows; ++row) {
        uint16_t *words = (uint16_t *)(packed + row * shape->padded_dim);
        for (size_t c = 0; c < shape->head_dim; c += VF_LANES) {
            vf x = vf_load_n(q + row * shape->head_dim + c, DMS_MIN((size_t)VF_LANES, shape->head_dim - c));
            _mm256_storeu_si256((__m256i *)(words + c), (__m256i)_mm512_cvtneps_pbh(x));
        }
    }
}

// Sixteen keys to columns of channel pairs.
BF16_FN void pack_keys_wide(const dms_dtype type, size_t dim, const void *const *keys, const void *const *next,
                            float *packed) {
    size_t bytes = dms_element_bytes(type);
    for (size_t c = 0; c < dim; c += WIDE) {
        vf words[VF_LANES];
        for (size_t i = 0; i < VF_LANES; ++i) {
            PREFETCH((const char *)next[i] + c * bytes);
            words[i] = (vf)load_wide(type, (const char *)keys[i] + c * bytes, dim - c);
        }
        vf_transpose(words);
        for (size_t i = 0; i < VF_LANES; ++i) vf_store(packed + (c / 2 + i) * DMS_ATTENTION_BLOCK, words[i]);
    }
}

// Two slots to one row of pairs.
BF16_FN void pack_values_wide(const dms_dtype type, size_t dim, const void *const *values, const void *const *next,
                              float *packed) {
    const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6,
                                         37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    size_t bytes = dms_element_bytes(type);
    for (size_t c = 0; c < dim; c += WIDE) {
        PREFETCH((const char *)next[0] + c * bytes);
        PREFETCH((const char *)next[1] + c * bytes);
        __m512i a = load_wide(type, (const char *)values[0] + c * bytes, dim - c);
        __m512i b = load_wide(type, (const char *)values[1] + c * bytes, dim - c);
        vf_store(packed + c, (vf)_mm512_permutex2var_epi16(a, low, b));
        if (c + VF_LANES < dim) vf_store(packed + c + VF_LANES, (vf)_mm512_permutex2var_epi16(a, high, b));
    }
}

// Keys to [head_dim / 2][block], values to [count / 2][padded_dim], without their scales.
BF16_FN void pack_block_wide(const dms_dtype type, size_t dim, const dms_attention_shape *shape,
                             dms_attention_block *block, const dms_attention_block *next) {
    for (size_t slot = 0; slot < block->count; slot += VF_LANES) {
        pack_keys_wide(type, dim, block->keys + slot, next->keys + slot, block->packed_keys + slot);
    }
    for (size_t slot = 0; slot < block->count; slot += 2) {
        pack_values_wide(type, dim, block->values + slot, next->values + slot,
                         block->packed_values + slot / 2 * shape->padded_dim);
    }
}

// The usual sizes are constants after inlining.
BF16_FN void pack_block_wide_dim(const dms_dtype type, const dms_attention_shape *shape, dms_attention_block *block,
                                 const dms_attention_block *next) {
    switch (shape->head_dim) {
    case 64: pack_block_wide(type, 64, shape, block, next); break;
    case 128: pack_block_wide(type, 128, shape, block, next); break;
    default: pack_block_wide(type, shape->head_dim, shape, block, next); break;
    }
}

BF16_TARGET static int32_t values_are_finite_bf16(const dms_attention_shape *shape, const dms_attention_block *block) {
    const __m512i infinite = _mm512_set1_epi16(0x7f80);
    __mmask32 bad = 0;
    for (size_t pair = 0; 2 * pair < block->count; ++pair) {
        for (size_t c = 0; c < shape->head_dim; c += VF_LANES) {
            __m512i words = (__m512i)vf_load(block->packed_values + pair * shape->padded_dim + c);
            bad |= _mm512_cmpeq_epi16_mask(_mm512_and_si512(words, infinite), infinite);
        }
    }
    return bad == 0;
}

BF16_TARGET static void pack_block_bf16(const dms_attention_shape *shape, dms_attention_block *block,
                                        const dms_attention_block *next) {
    switch (shape->type) {
    case DMS_FP8_E4M3: pack_block_wide_dim(DMS_FP8_E4M3, shape, block, next); break;
    case DMS_INT8: pack_block_wide_dim(DMS_INT8, shape, block, next); break;
    default: pack_block_wide_dim(DMS_BF16, shape, block, next); break;
    }
    block->finite = !block->masked || values_are_finite_bf16(shape, block);
}

// As add_seen_values, pair by pair: what the row does not see is replaced by zeros.
BF16_TARGET static void add_seen_values_bf16(const dms_attention_shape *shape, const dms_attention_block *block,
                                             int32_t position, const float *probabilities, float *output) {
    uint32_t pairs[512];
    for (size_t slot = 0; slot < block->count; slot += 2) {
        uint32_t seen = 0;
        for (size_t i = slot; i < slot + 2 && i < block->count; ++i) {
            if (block->first[i] <= position && position <= block->last[i]) seen |= 0xffffu << (16 * (i - slot));
        }
        const float *row = block->packed_values + slot / 2 * shape->padded_dim;
        memcpy(pairs, row, shape->padded_dim * sizeof *pairs);
        for (size_t c = 0; c < shape->padded_dim; ++c) pairs[c] &= seen;
        gemm_bf16(1, shape->head_dim, 1, probabilities + slot / 2, 1, (const float *)pairs, shape->padded_dim, output,
                  shape->padded_dim, 1);
    }
}

BF16_TARGET static void attend_bf16(const dms_attention_shape *shape, const dms_attention_block *block, size_t rows,
                                    const float *queries, const int32_t *positions, const dms_attention_state *state,
                                    float *scores) {
    enum { PAIRS = DMS_ATTENTION_BLOCK / 2 };
    size_t dim = shape->head_dim, stride = shape->padded_dim, depth = (block->count + 1) / 2;
    float probabilities[DMS_ATTENTION_GROUP * PAIRS];
    for (size_t row = 0; row < rows; row += DMS_ATTENTION_GROUP) {
        size_t count = DMS_MIN((size_t)DMS_ATTENTION_GROUP, rows - row);
        float *output = state->output + row * stride;
        gemm_bf16(count, block->count, dim / 2, queries + row * stride, stride, block->packed_keys,
                  DMS_ATTENTION_BLOCK, scores, DMS_ATTENTION_BLOCK, 0);
        softmax_group(shape, block, count, positions + row, state->maximum + row, state->sum + row, output, scores);
        for (size_t i = 0; i < count; ++i) {
            for (size_t j = 0; j < block->count; j += VF_LANES) {
                __m256bh half = _mm512_cvtneps_pbh(vf_load(scores + i * DMS_ATTENTION_BLOCK + j));
                _mm256_storeu_si256((__m256i *)(probabilities + i * PAIRS + j / 2), (__m256i)half);
            }
        }
        if (block->finite) {
            gemm_bf16(count, dim, depth, probabilities, PAIRS, block->packed_values, stride, output, stride, 1);
            continue;
        }
        for (size_t i = 0; i < count; ++i) {
            add_seen_values_bf16(shape, block, positions[row + i], probabilities + i * PAIRS, output + i * stride);
        }
    }
}
