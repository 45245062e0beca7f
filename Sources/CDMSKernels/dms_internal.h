// What the kernel files share with each other and with nobody else.
#ifndef DMS_INTERNAL_H
#define DMS_INTERNAL_H

#include "dms_kernels.h"

#include <string.h>

// Kernels of one instruction set. Every table is complete: a version without its own kernel names the portable one.
// Members work on one thread; the drivers (dms_linear.c, dms_attention.c, dms_rows.c, ...) divide the work.
typedef struct dms_linear_kernels dms_linear_kernels;
typedef struct dms_attention_kernels dms_attention_kernels;
typedef struct dms_row_kernels dms_row_kernels;
typedef struct dms_matmul_kernels dms_matmul_kernels;
typedef struct dms_training_kernels dms_training_kernels;
typedef struct dms_soft_attention_kernels dms_soft_attention_kernels;
typedef struct dms_panels_kernels dms_panels_kernels;

const dms_linear_kernels *dms_linear_kernels_for(dms_isa isa);
const dms_attention_kernels *dms_attention_kernels_for(dms_isa isa);
const dms_row_kernels *dms_row_kernels_for(dms_isa isa);
const dms_matmul_kernels *dms_matmul_kernels_for(dms_isa isa);
const dms_training_kernels *dms_training_kernels_for(dms_isa isa);
const dms_soft_attention_kernels *dms_soft_attention_kernels_for(dms_isa isa);
const dms_panels_kernels *dms_panels_kernels_for(dms_isa isa, dms_precision precision);

enum { DMS_PRECISIONS = 3 };

// Whether this processor has AVX-512 VNNI, which some have without BF16.
int dms_has_vnni(void);

typedef struct dms_pool dms_pool;
dms_pool *dms_pool_new(int32_t threads);
void dms_pool_free(dms_pool *pool);
void dms_pool_run(dms_pool *pool, size_t count, dms_task task, void *info);

struct dms_context {
    dms_isa isa;
    int32_t threads;
    dms_pool *pool;
    const dms_linear_kernels *linear;
    const dms_attention_kernels *attention;
    const dms_row_kernels *rows;
    const dms_matmul_kernels *matmul;
    const dms_training_kernels *training;
    const dms_soft_attention_kernels *soft_attention;
    const dms_panels_kernels *panels[DMS_PRECISIONS];
};

#define DMS_MIN(a, b) ((a) < (b) ? (a) : (b))
#define DMS_MAX(a, b) ((a) > (b) ? (a) : (b))

// Rounded up to a multiple, which must not be 0.
static inline size_t dms_round_up(size_t value, size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

static inline size_t dms_ceiling_divide(size_t value, size_t divisor) { return (value + divisor - 1) / divisor; }

static inline float dms_bf16_to_f32(uint16_t value) {
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

// To nearest, ties to even; NaN stays NaN.
static inline uint16_t dms_f32_to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((bits >> 16) | 0x40u);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

#if defined(__x86_64__)
#define DMS_X86 1
#define DMS_TARGET_AVX2 __attribute__((target("avx2,fma,f16c")))
#define DMS_TARGET_AVX2_VNNI __attribute__((target("avxvnni,avx2,fma,f16c")))
#define DMS_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define DMS_TARGET_AVX512_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")))
#define DMS_TARGET_AVX512_BF16 \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c")))
#endif
#if defined(__aarch64__)
#define DMS_ARM 1
#endif

#endif
