// What this machine can do at most: reading memory, and multiply-adds from registers.

#define _POSIX_C_SOURCE 200809L

#include "dms_internal.h"
#include "dms_linear_tiles.h"

#include <stdatomic.h>
#include <time.h>

#if defined(DMS_X86)
#include <immintrin.h>
#endif
#if defined(DMS_ARM)
#include <arm_neon.h>
#endif

static double dms_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Keeps the compiler from dropping work whose result nobody wants.
static void dms_use(const void *result) { __asm__ volatile("" : : "r"(result) : "memory"); }

// MARK: Every thread at once

typedef struct dms_measurement {
    size_t threads;
    atomic_size_t arrived;
    double begin[1024], end[1024];  // by index; the largest number of threads a context has
    void (*run)(const struct dms_measurement *measurement, size_t index);
    const char *memory;
    size_t bytes;
    size_t count;
} dms_measurement;

// Nobody starts before everybody is here, so that each thread takes one index and the start-up is not measured.
static void dms_measure_task(void *info, size_t index, size_t worker) {
    dms_measurement *m = info;
    atomic_fetch_add(&m->arrived, 1);
    while (atomic_load(&m->arrived) < m->threads) {
#if defined(DMS_X86)
        _mm_pause();
#endif
    }
    m->begin[index] = dms_seconds();
    m->run(m, index);
    m->end[index] = dms_seconds();
}

static double dms_measure(dms_context *context, dms_measurement *m) {
    m->threads = (size_t)context->threads;
    atomic_init(&m->arrived, 0);
    dms_parallel(context, m->threads, dms_measure_task, m);
    double begin = m->begin[0], end = m->end[0];
    for (size_t i = 1; i < m->threads; ++i) {
        begin = DMS_MIN(begin, m->begin[i]);
        end = DMS_MAX(end, m->end[i]);
    }
    return end - begin;
}

// MARK: Reading

enum {
    DMS_READ_STEP = 512,        // bytes a round, in independent loads
    DMS_READ_AHEAD = 24 * 512,  // bytes between a load and its prefetch
};

static void dms_read_portable(const char *memory, size_t bytes) {
    uint64_t sums[8] = {0};
    for (size_t i = 0; i + DMS_READ_STEP <= bytes; i += DMS_READ_STEP) {
        for (size_t line = 0; line < DMS_READ_STEP; line += 64) {
            __builtin_prefetch(memory + i + DMS_READ_AHEAD + line, 0, 2);
            uint64_t words[8];
            memcpy(words, memory + i + line, sizeof words);
            for (size_t w = 0; w < 8; ++w) sums[w] += words[w];
        }
    }
    dms_use(sums);
}

#if defined(DMS_X86)
DMS_TARGET_AVX2 static void dms_read_avx2(const char *memory, size_t bytes) {
    __m256i sums[8];
    for (size_t s = 0; s < 8; ++s) sums[s] = _mm256_setzero_si256();
    for (size_t i = 0; i + DMS_READ_STEP <= bytes; i += DMS_READ_STEP) {
        for (size_t line = 0; line < DMS_READ_STEP; line += 64) {
            const char *p = memory + i + line;
            _mm_prefetch(p + DMS_READ_AHEAD, _MM_HINT_T1);
            size_t s = line / 64;
            sums[s] = _mm256_add_epi64(sums[s], _mm256_loadu_si256((const __m256i *)p));
            sums[s] = _mm256_add_epi64(sums[s], _mm256_loadu_si256((const __m256i *)(p + 32)));
        }
    }
    dms_use(sums);
}

DMS_TARGET_AVX512 static void dms_read_avx512(const char *memory, size_t bytes) {
    __m512i sums[8];
    for (size_t s = 0; s < 8; ++s) sums[s] = _mm512_setzero_si512();
    for (size_t i = 0; i + DMS_READ_STEP <= bytes; i += DMS_READ_STEP) {
        for (size_t s = 0; s < 8; ++s) {
            const char *p = memory + i + s * 64;
            _mm_prefetch(p + DMS_READ_AHEAD, _MM_HINT_T1);
            sums[s] = _mm512_add_epi64(sums[s], _mm512_loadu_si512(p));
        }
    }
    dms_use(sums);
}
#endif

static void (*dms_reader(dms_isa isa))(const char *, size_t) {
    switch (isa) {
#if defined(DMS_X86)
    case DMS_ISA_AVX2:
    case DMS_ISA_AVX2_VNNI: return dms_read_avx2;
    case DMS_ISA_AVX512:
    case DMS_ISA_AVX512_BF16:
    case DMS_ISA_AMX: return dms_read_avx512;
#endif
    default: return dms_read_portable;  // vector code on AArch64 as well
    }
}

typedef struct dms_read_measurement {
    dms_measurement all;
    void (*read)(const char *memory, size_t bytes);
} dms_read_measurement;

static void dms_read_slice(const dms_measurement *m, size_t index) {
    size_t slice = dms_round_up(m->bytes / m->threads, DMS_READ_STEP);
    size_t begin = DMS_MIN(index * slice, m->bytes), end = DMS_MIN(begin + slice, m->bytes);
    ((const dms_read_measurement *)m)->read(m->memory + begin, end - begin);
}

double dms_measure_read(dms_context *context, const void *memory, size_t bytes) {
    dms_read_measurement m;
    m.read = dms_reader(context->isa);
    m.all.run = dms_read_slice;
    m.all.memory = memory;
    m.all.bytes = bytes;
    return dms_measure(context, &m.all);
}

// MARK: Arithmetic

// Chains of dependent multiply-adds: as many as hide the latency of two units and fit in the registers.
enum { DMS_CHAINS = 12, DMS_CHAINS_512 = 24 };

typedef struct dms_chain {
    void (*run)(size_t rounds);
    size_t products;  // multiply-adds of a round
} dms_chain;

// `length` sums of a type, each begun with `first` of its number s, and in every round replaced by `next` of itself, sum.
#define DMS_CHAIN(name, target, type, length, first, next)                                                             \
    target static void name(size_t rounds) {                                                                           \
        type sums[length];                                                                                             \
        for (size_t s = 0; s < (length); ++s) sums[s] = (first);                                                       \
        for (size_t i = 0; i < rounds; ++i) {                                                                          \
            for (size_t s = 0; s < (length); ++s) {                                                                    \
                type sum = sums[s];                                                                                    \
                sums[s] = (next);                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        dms_use(sums);                                                                                                 \
    }

DMS_CHAIN(dms_chain_portable, , float, 32, (float)s, sum * 0.5f + 1.0f)

#if defined(DMS_X86)
DMS_CHAIN(dms_chain_avx2, DMS_TARGET_AVX2, __m256, DMS_CHAINS, _mm256_set1_ps((float)s),
          _mm256_fmadd_ps(sum, _mm256_set1_ps(0.5f), _mm256_set1_ps(1.0f)))

// What the kernel does for a vector of 8-bit codes (two of 4 bits share the last steps): signs, sums of two products in
// 16 bits, of two of those in 32 bits.
DMS_TARGET_AVX2 static inline __m256i dms_int8_products_avx2(__m256i signs) {
    __m256i inputs = _mm256_xor_si256(_mm256_set1_epi8(2), signs);
    return _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), inputs), _mm256_set1_epi16(1));
}

DMS_CHAIN(dms_chain_int8_avx2, DMS_TARGET_AVX2, __m256i, DMS_CHAINS, _mm256_set1_epi32((int)s),
          _mm256_add_epi32(sum, dms_int8_products_avx2(sum)))

DMS_CHAIN(dms_chain_int8_avx2_vnni, DMS_TARGET_AVX2_VNNI, __m256i, DMS_CHAINS, _mm256_set1_epi32((int)s),
          _mm256_dpbusd_avx_epi32(sum, _mm256_set1_epi8(1), _mm256_set1_epi8(2)))

DMS_CHAIN(dms_chain_avx512, DMS_TARGET_AVX512, __m512, DMS_CHAINS_512, _mm512_set1_ps((float)s),
          _mm512_fmadd_ps(sum, _mm512_set1_ps(0.5f), _mm512_set1_ps(1.0f)))

DMS_CHAIN(dms_chain_dot, DMS_TARGET_AVX512_BF16, __m512, DMS_CHAINS_512, _mm512_set1_ps((float)s),
          _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi16(0x3c00), (__m512bh)_mm512_set1_epi16(0x3c01)))

DMS_CHAIN(dms_chain_int8_vnni, DMS_TARGET_AVX512_VNNI, __m512i, DMS_CHAINS_512, _mm512_set1_epi32((int)s),
          _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), _mm512_set1_epi8(2)))
#endif

#if defined(DMS_ARM)
DMS_CHAIN(dms_chain_neon, , float32x4_t, DMS_CHAINS_512, vdupq_n_f32((float)s),
          vfmaq_f32(sum, vdupq_n_f32(0.5f), vdupq_n_f32(1.0f)))
#endif

static dms_chain dms_chain_for(dms_isa isa, dms_precision precision) {
    switch (isa) {
#if defined(DMS_X86)
    case DMS_ISA_AVX2:
        if (precision == DMS_PRECISION_INT8) return (dms_chain){dms_chain_int8_avx2, DMS_CHAINS * 32};
        return (dms_chain){dms_chain_avx2, DMS_CHAINS * 8};
    case DMS_ISA_AVX2_VNNI:
        if (precision == DMS_PRECISION_INT8) return (dms_chain){dms_chain_int8_avx2_vnni, DMS_CHAINS * 32};
        return (dms_chain){dms_chain_avx2, DMS_CHAINS * 8};
    case DMS_ISA_AVX512:
        if (precision == DMS_PRECISION_INT8 && dms_has_vnni()) {
            return (dms_chain){dms_chain_int8_vnni, DMS_CHAINS_512 * 64};
        }
        if (precision == DMS_PRECISION_INT8) return (dms_chain){dms_chain_int8_avx2, DMS_CHAINS * 32};
        return (dms_chain){dms_chain_avx512, DMS_CHAINS_512 * 16};
    case DMS_ISA_AVX512_BF16:
        if (precision == DMS_PRECISION_INT8) return (dms_chain){dms_chain_int8_vnni, DMS_CHAINS_512 * 64};
        if (precision == DMS_PRECISION_BF16) return (dms_chain){dms_chain_dot, DMS_CHAINS_512 * 32};
        return (dms_chain){dms_chain_avx512, DMS_CHAINS_512 * 16};
    case DMS_ISA_AMX:
        if (precision == DMS_PRECISION_INT8) return (dms_chain){dms_chain_int8_vnni, DMS_CHAINS_512 * 64};
        if (precision == DMS_PRECISION_BF16) return (dms_chain){dms_chain_amx, DMS_CHAIN_AMX_PRODUCTS};
        return (dms_chain){dms_chain_avx512, DMS_CHAINS_512 * 16};
#endif
#if defined(DMS_ARM)
    case DMS_ISA_NEON: return (dms_chain){dms_chain_neon, DMS_CHAINS_512 * 4};
#endif
    default: return (dms_chain){dms_chain_portable, 32};
    }
}

typedef struct dms_chain_measurement {
    dms_measurement all;
    dms_chain chain;
} dms_chain_measurement;

static void dms_run_chain(const dms_measurement *m, size_t index) {
    ((const dms_chain_measurement *)m)->chain.run(m->count);
}

double dms_measure_arithmetic(dms_context *context, dms_precision precision, size_t count, double *operations) {
    dms_chain_measurement m;
    m.chain = dms_chain_for(context->isa, precision);
    m.all.run = dms_run_chain;
    m.all.count = (count + m.chain.products - 1) / m.chain.products;
    *operations = 2.0 * (double)m.all.count * (double)m.chain.products * (double)context->threads;
    return dms_measure(context, &m.all);
}
