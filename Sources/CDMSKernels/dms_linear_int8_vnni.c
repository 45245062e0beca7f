// 8-bit products with AVX-512 VNNI, which multiplies four unsigned and four signed bytes and adds them to a 32-bit sum.
//
// Packed codes: [four inputs][output][4], bytes.

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_linear_int8.h"
#include "dms_simd_avx512.h"

#include <math.h>

// From here on everything may use the dot product.
#undef DMS_FN
#undef DMS_TARGET
#define DMS_TARGET DMS_TARGET_AVX512_BF16
#define DMS_FN static inline __attribute__((always_inline)) DMS_TARGET

enum {
    // 24 of the 32 registers are sums: twelve of integers, twelve of floats.
    DMS_INT8_ROWS = 6,
    DMS_INT8_VECTORS = DMS_INT8_OUTPUTS / DMS_INT8_LANES,
    DMS_INT8_STEP = 4,                                   // inputs of a product
    DMS_INT8_STEPS = 8,                                  // of the smallest group
    DMS_INT8_STEP_BYTES = DMS_INT8_STEP * DMS_INT8_OUTPUTS,
};

// MARK: Inputs

DMS_TARGET static void quantize(const float *x, size_t inputs, size_t group, int8_t *codes, float *scales,
                                int32_t *sums) {
    const __m512i magnitudes = _mm512_set1_epi32(0x7fffffff);
    for (size_t g = 0; g < inputs / group; ++g, x += group, codes += group) {
        __m512i largest = _mm512_setzero_si512();
        for (size_t k = 0; k < group; k += VF_LANES) {
            largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_loadu_si512(x + k), magnitudes));
        }
        uint32_t bits = _mm512_reduce_max_epu32(largest);
        if (bits < DMS_INT8_TINY || bits >= DMS_INT8_INFINITE) {
            scales[g] = bits < DMS_INT8_TINY ? 0.0f : NAN;
            sums[g] = 0;
            memset(codes, 0, group);
            continue;
        }
        vf inverse = vf_set1(127.0f / dms_float(bits));
        scales[g] = dms_float(bits) / 127.0f;
        __m512i sum = _mm512_setzero_si512();
        for (size_t k = 0; k < group; k += VF_LANES) {
            __m512i code = _mm512_cvtps_epi32(vf_mul(vf_load(x + k), inverse));
            sum = _mm512_add_epi32(sum, code);
            _mm_storeu_si128((__m128i *)(codes + k), _mm512_cvtepi32_epi8(code));
        }
        sums[g] = _mm512_reduce_add_epi32(sum);
    }
}

// MARK: Weights

// 64 codes of one output.
DMS_FN __m512i load_codes(const int bits, const uint8_t *codes) {
    if (bits == 8) return _mm512_loadu_si512(codes);
    __m512i pairs = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)codes));
    __m512i high = _mm512_slli_epi16(pairs, 4);
    return _mm512_and_si512(_mm512_or_si512(pairs, high), _mm512_set1_epi16(0x0f0f));
}

// The last 32 codes of a block of an odd number of groups of 32.
DMS_FN __m512i load_half(const int bits, const uint8_t *codes) {
    uint8_t half[64] = {0};
    memcpy(half, codes, (size_t)(32 * bits / 8));
    return load_codes(bits, half);
}

DMS_FN void pack_codes(const int bits, const dms_int8_weights *weights, const dms_int8_block *block) {
    size_t inputs = weights->groups * weights->group;
    const char *next = weights->next.bytes, *end = next + weights->next.count;
    // Spread evenly over what is read here.
    const size_t lines = dms_ceiling_divide(weights->next.count, DMS_CACHE_LINE);
    const size_t reads = dms_ceiling_divide(inputs, 64) * DMS_INT8_OUTPUTS;
    size_t due = 0;
    for (size_t k = 0; k < inputs; k += 64) {
        uint8_t *packed = (uint8_t *)block->codes + k * DMS_INT8_OUTPUTS;
        size_t steps = DMS_MIN(inputs - k, (size_t)64) / DMS_INT8_STEP;
        for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
            vf words[DMS_INT8_LANES];
            for (size_t n = 0; n < DMS_INT8_LANES; ++n) {
                const uint8_t *codes = weights->codes[v * DMS_INT8_LANES + n] + k * (size_t)bits / 8;
                words[n] = (vf)(steps == DMS_INT8_LANES ? load_codes(bits, codes) : load_half(bits, codes));
                for (due += lines; due >= reads && next < end; due -= reads, next += DMS_CACHE_LINE) {
                    __builtin_prefetch(next, 0, 2);
                }
            }
            vf_transpose(words);
            for (size_t step = 0; step < steps; ++step) {
                vf_store((float *)(packed + step * DMS_INT8_STEP_BYTES) + v * DMS_INT8_LANES, words[step]);
            }
        }
    }
}

DMS_TARGET static void pack(const dms_int8_weights *weights, const dms_int8_block *block) {
    if (weights->bits == 8) {
        pack_codes(8, weights, block);
    } else {
        pack_codes(4, weights, block);
    }
    __mmask16 groups = vf_lanes_below(weights->groups);
    for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
        vf rows[DMS_INT8_LANES];
        for (size_t n = 0; n < DMS_INT8_LANES; ++n) {
            __m256i scales = _mm256_maskz_loadu_epi16(groups, weights->scales[v * DMS_INT8_LANES + n]);
            rows[n] = (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(scales), 16);
        }
        vf_transpose(rows);
        for (size_t g = 0; g < weights->groups; ++g) {
            vf_store(block->scales + g * DMS_INT8_OUTPUTS + v * DMS_INT8_LANES, rows[g]);
        }
    }
}

// MARK: Products

// Four inputs of a row, in every lane.
DMS_FN __m512i broadcast_inputs(const int8_t *x) {
    int32_t word;
    memcpy(&word, x, sizeof word);
    return _mm512_set1_epi32(word);
}

// One step of `count` rows, a constant after inlining.
DMS_FN void multiply_step(const size_t count, const uint8_t *packed, const int8_t *x, size_t stride,
                          __m512i (*products)[DMS_INT8_VECTORS]) {
    __m512i codes[DMS_INT8_VECTORS];
    for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) codes[v] = _mm512_loadu_si512(packed + v * DMS_CACHE_LINE);
    for (size_t m = 0; m < count; ++m) {
        __m512i inputs = broadcast_inputs(x + m * stride);
        for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
            products[m][v] = _mm512_dpbusd_epi32(products[m][v], codes[v], inputs);
        }
    }
}

// `count` rows, a constant after inlining, from `first` on.
DMS_FN void multiply_rows(const size_t count, const dms_int8_block *block, const dms_int8_rows *rows, size_t first,
                          float *sums) {
    // This tile's part of what comes next, and how much of it a step of eight products asks for.
    const char *next = block->next.bytes + block->next.count * first / rows->count;
    const char *end = block->next.bytes + block->next.count * (first + count) / rows->count;
    const size_t turns = block->groups * block->group / (DMS_INT8_STEPS * DMS_INT8_STEP);
    const size_t share = dms_ceiling_divide((size_t)(end - next), turns);
    const uint8_t *packed = block->codes;
    const int8_t *x = rows->codes + first * rows->stride;
    vf totals[DMS_INT8_ROWS][DMS_INT8_VECTORS];
    for (size_t m = 0; m < count; ++m) {
        for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
            totals[m][v] = vf_load(sums + m * DMS_INT8_OUTPUTS + v * DMS_INT8_LANES);
        }
    }
    for (size_t g = 0; g < block->groups; ++g) {
        const size_t at = first * rows->group_stride + g;
        __m512i products[DMS_INT8_ROWS][DMS_INT8_VECTORS];
        for (size_t m = 0; m < count; ++m) {
            __m512i start = _mm512_set1_epi32(-block->offset * rows->sums[at + m * rows->group_stride]);
            for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) products[m][v] = start;
        }
        for (size_t k = 0; k < block->group; k += DMS_INT8_STEPS * DMS_INT8_STEP) {
            const char *until = DMS_MIN(next + share, end);
            for (; next < until; next += DMS_CACHE_LINE) __builtin_prefetch(next, 0, 2);
#pragma clang loop unroll(full)
            for (size_t step = 0; step < DMS_INT8_STEPS; ++step) {
                multiply_step(count, packed, x, rows->stride, products);
                packed += DMS_INT8_STEP_BYTES;
                x += DMS_INT8_STEP;
            }
        }
        const float *scales = block->scales + g * DMS_INT8_OUTPUTS;
        for (size_t m = 0; m < count; ++m) {
            vf scale = vf_set1(rows->scales[at + m * rows->group_stride]);
            for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
                vf both = vf_mul(scale, vf_load(scales + v * DMS_INT8_LANES));
                totals[m][v] = vf_add(totals[m][v], vf_mul(_mm512_cvtepi32_ps(products[m][v]), both));
            }
        }
    }
    for (size_t m = 0; m < count; ++m) {
        for (size_t v = 0; v < DMS_INT8_VECTORS; ++v) {
            vf_store(sums + m * DMS_INT8_OUTPUTS + v * DMS_INT8_LANES, totals[m][v]);
        }
    }
}

DMS_TARGET static void multiply(const dms_int8_block *block, const dms_int8_rows *rows, float *sums) {
    size_t row = 0;
    for (; row + DMS_INT8_ROWS <= rows->count; row += DMS_INT8_ROWS) {
        multiply_rows(DMS_INT8_ROWS, block, rows, row, sums + row * DMS_INT8_OUTPUTS);
    }
    float *rest = sums + row * DMS_INT8_OUTPUTS;
    switch (rows->count - row) {
    case 1: multiply_rows(1, block, rows, row, rest); break;
    case 2: multiply_rows(2, block, rows, row, rest); break;
    case 3: multiply_rows(3, block, rows, row, rest); break;
    case 4: multiply_rows(4, block, rows, row, rest); break;
    case 5: multiply_rows(5, block, rows, row, rest); break;
    default: break;
    }
}

// MARK: One row

// Weights fetched ahead of those in use, which memory answers meanwhile.
enum { DMS_INT8_AHEAD = 12288 };

DMS_FN __m512i add_halves(__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}

DMS_FN __m512i add_pairs(__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

DMS_FN __m512i add_quarters(__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
}

// Lane i: the sum of the lanes of v[i].
DMS_FN __m512i sums_of_lanes(const __m512i *v) {
    __m512i a[8], b[4];
    for (int i = 0; i < 8; ++i) a[i] = add_halves(v[2 * i], v[2 * i + 1]);
    for (int i = 0; i < 4; ++i) b[i] = add_pairs(a[2 * i], a[2 * i + 1]);
    return add_quarters(add_quarters(b[0], b[1]), add_quarters(b[2], b[3]));
}

// Products of one output's groups of codes of 8 bits.
DMS_FN __m512i sweep_bytes(const size_t group, size_t groups, const uint8_t *codes, const int8_t *x) {
    __m512i partial[DMS_INT8_GROUPS];
    for (size_t g = 0; g < DMS_INT8_GROUPS; ++g) {
        partial[g] = _mm512_setzero_si512();
        if (g >= groups) continue;
        for (size_t k = g * group; k < (g + 1) * group; k += 64) {
            __builtin_prefetch(codes + k + DMS_INT8_AHEAD, 0, 3);
            __m512i weights = group >= 64 ? _mm512_loadu_si512(codes + k)
                                          : _mm512_zextsi256_si512(_mm256_loadu_si256((const __m256i *)(codes + k)));
            partial[g] = _mm512_dpbusd_epi32(partial[g], weights, _mm512_loadu_si512(x + k));
        }
    }
    return sums_of_lanes(partial);
}

// The same of 4 bits, 128 of them at a time: the first of each byte, then the second, with inputs in that order. Groups
// of 64 and 32 codes are halves and quarters of a vector of sums.
DMS_FN __m512i sweep_nibbles(const size_t group, size_t groups, const uint8_t *codes, const int8_t *x) {
    const __m512i low = _mm512_set1_epi8(15);
    __m512i partial[DMS_INT8_GROUPS];
    const size_t bytes = groups * group / 2;
    for (size_t i = 0; i < DMS_INT8_GROUPS * group / 2; i += 64) {
        __m512i sum = _mm512_setzero_si512();
        if (i < bytes) {
            __builtin_prefetch(codes + i + DMS_INT8_AHEAD, 0, 3);
            __m512i pairs = bytes - i >= 64
                                ? _mm512_loadu_si512(codes + i)
                                : _mm512_maskz_loadu_epi8(((__mmask64)1 << (bytes - i)) - 1, codes + i);
            __m512i second = _mm512_and_si512(_mm512_srli_epi16(pairs, 4), low);
            sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(pairs, low), _mm512_loadu_si512(x + 2 * i));
            sum = _mm512_dpbusd_epi32(sum, second, _mm512_loadu_si512(x + 2 * i + 64));
        }
        partial[i / 64] = sum;
    }
    if (group == 128) return sums_of_lanes(partial);
    __m512i a[4];
    if (group == 32) {
        for (int i = 0; i < 2; ++i) a[i] = add_halves(partial[2 * i], partial[2 * i + 1]);
        // Quarter q has group 4 i + q at place i.
        const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        return _mm512_permutexvar_epi32(order, add_pairs(a[0], a[1]));
    }
    for (int i = 0; i < 4; ++i) a[i] = add_halves(partial[2 * i], partial[2 * i + 1]);
    // Even groups of a half of them, then the odd ones.
    const __m512i order = _mm512_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
    return _mm512_permutexvar_epi32(order, add_quarters(add_pairs(a[0], a[1]), add_pairs(a[2], a[3])));
}

// Products of one output's groups, at most DMS_INT8_GROUPS: floats, scaled, a lane for each group.
DMS_FN vf sweep_block(const int bits, const size_t group, const dms_int8_sweep *sweep, size_t output, size_t first) {
    const size_t groups = DMS_MIN((size_t)DMS_INT8_GROUPS, sweep->groups - first);
    const __mmask16 lanes = vf_lanes_below(groups);
    const uint8_t *codes = sweep->codes + output * sweep->row_bytes + first * group * (size_t)bits / 8;
    const int8_t *x = sweep->row.codes + first * group;
    __m512i products = bits == 8 ? sweep_bytes(group, groups, codes, x) : sweep_nibbles(group, groups, codes, x);
    __m256i scales = _mm256_maskz_loadu_epi16(lanes, sweep->scales + output * sweep->groups + first);
    vf factors = (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(scales), 16);
    __m512i shift = _mm512_mullo_epi32(_mm512_maskz_loadu_epi32(lanes, sweep->row.sums + first),
                                       _mm512_set1_epi32(sweep->offset));
    vf total = _mm512_cvtepi32_ps(_mm512_sub_epi32(products, shift));
    return vf_mul(total, vf_mul(_mm512_maskz_loadu_ps(lanes, sweep->row.scales + first), factors));
}

DMS_FN void sweep_row(const int bits, const size_t group, const dms_int8_sweep *sweep, float *sums) {
    enum { SQUARE = DMS_INT8_LANES * DMS_INT8_LANES };
    size_t blocks = dms_ceiling_divide(sweep->groups, DMS_INT8_GROUPS);
    // Outputs one after another, as they lie in memory.
    for (size_t n = 0; n < DMS_INT8_LANES; ++n) {
        for (size_t b = 0; b < blocks; ++b) {
            vf products = sweep_block(bits, group, sweep, DMS_MIN(n, sweep->outputs - 1), b * DMS_INT8_GROUPS);
            vf_store(sweep->products + b * SQUARE + n * DMS_INT8_LANES, products);
        }
    }
    // Then group after group, outputs side by side.
    vf total = vf_set1(0.0f);
    for (size_t b = 0; b < blocks; ++b) {
        vf rows[DMS_INT8_LANES];
        for (size_t n = 0; n < DMS_INT8_LANES; ++n) rows[n] = vf_load(sweep->products + b * SQUARE + n * DMS_INT8_LANES);
        vf_transpose(rows);
        size_t groups = DMS_MIN((size_t)DMS_INT8_GROUPS, sweep->groups - b * DMS_INT8_GROUPS);
        for (size_t g = 0; g < DMS_INT8_GROUPS; ++g) {
            if (g < groups) total = vf_add(total, rows[g]);
        }
    }
    vf_store(sums, total);
}

DMS_TARGET static void arrange(int8_t *codes, size_t inputs) {
    for (size_t k = 0; k < inputs; k += DMS_INT8_UNIT) {
        int8_t first[DMS_INT8_UNIT / 2], second[DMS_INT8_UNIT / 2];
        for (size_t i = 0; i < DMS_INT8_UNIT / 2; ++i) {
            first[i] = codes[k + 2 * i];
            second[i] = codes[k + 2 * i + 1];
        }
        memcpy(codes + k, first, sizeof first);
        memcpy(codes + k + DMS_INT8_UNIT / 2, second, sizeof second);
    }
}

DMS_FN void sweep_groups(const int bits, const dms_int8_sweep *sweep, float *sums) {
    switch (sweep->group) {
    case 32: sweep_row(bits, 32, sweep, sums); break;
    case 64: sweep_row(bits, 64, sweep, sums); break;
    default: sweep_row(bits, 128, sweep, sums); break;
    }
}

DMS_TARGET static void sweep(const dms_int8_sweep *sweep, float *sums) {
    if (sweep->bits == 8) {
        sweep_groups(8, sweep, sums);
    } else {
        sweep_groups(4, sweep, sums);
    }
}

const dms_int8_kernels dms_int8_kernels_vnni = {
    .element_size = 1, .quantize = quantize, .pack = pack, .multiply = multiply, .arrange = arrange,
    .sweep = sweep};

#endif
