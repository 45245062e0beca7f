// Which instruction sets this machine has, and the context that binds their kernels to a pool.

#include "dms_internal.h"

#include <stdlib.h>

#if defined(DMS_X86)
#include <cpuid.h>

#include "dms_linear_tiles.h"

// XCR0 bits: what the operating system saves on a context switch.
enum { DMS_XCR0_AVX = 0x06, DMS_XCR0_AVX512 = 0xe6, DMS_XCR0_TILES = 0x60000 };

typedef struct dms_cpuid {
    uint32_t eax, ebx, ecx, edx;
} dms_cpuid;

static dms_cpuid dms_read_cpuid(uint32_t leaf, uint32_t subleaf) {
    dms_cpuid r = {0, 0, 0, 0};
    if (!__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx)) r = (dms_cpuid){0, 0, 0, 0};
    return r;
}

static uint32_t dms_read_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int dms_has(uint32_t word, int bit) { return (int)(word >> bit & 1u); }

int dms_has_vnni(void) { return dms_has(dms_read_cpuid(7, 0).ecx, 11); }

static int dms_x86_has(dms_isa isa) {
    dms_cpuid one = dms_read_cpuid(1, 0);
    if (!dms_has(one.ecx, 27)) return 0;  // OSXSAVE: without it xgetbv traps
    uint32_t saved = dms_read_xcr0();
    dms_cpuid seven = dms_read_cpuid(7, 0);
    int avx2 = (saved & DMS_XCR0_AVX) == DMS_XCR0_AVX && dms_has(one.ecx, 28) && dms_has(one.ecx, 12) &&
               dms_has(one.ecx, 29) && dms_has(seven.ebx, 5);  // AVX, FMA, F16C, AVX2
    int avx512 = avx2 && (saved & DMS_XCR0_AVX512) == DMS_XCR0_AVX512 && dms_has(seven.ebx, 16) &&
                 dms_has(seven.ebx, 17) && dms_has(seven.ebx, 30) && dms_has(seven.ebx, 31);  // F, DQ, BW, VL
    if (isa == DMS_ISA_AVX2) return avx2;
    if (isa == DMS_ISA_AVX2_VNNI) return avx2 && seven.eax >= 1 && dms_has(dms_read_cpuid(7, 1).eax, 4);
    if (isa == DMS_ISA_AVX512) return avx512;
    // Every processor that multiplies BF16 has VNNI, too.
    int bf16 = avx512 && dms_has_vnni() && seven.eax >= 1 && dms_has(dms_read_cpuid(7, 1).eax, 5);
    if (isa == DMS_ISA_AVX512_BF16) return bf16;
    if (isa != DMS_ISA_AMX || !bf16 || (saved & DMS_XCR0_TILES) != DMS_XCR0_TILES) return 0;
    return dms_has(seven.edx, 22) && dms_has(seven.edx, 24) && dms_amx_available();  // AMX-BF16, AMX-TILE
}
#endif

int32_t dms_isa_available(dms_isa isa) {
    if (isa == DMS_ISA_PORTABLE || isa == DMS_ISA_PORTABLE_TILES) return 1;
#if defined(DMS_X86)
    return dms_x86_has(isa);
#elif defined(DMS_ARM)
    return isa == DMS_ISA_NEON;
#else
    return 0;
#endif
}

dms_isa dms_isa_best(void) {
    int isa = DMS_ISA_AMX;
    while (!dms_isa_available((dms_isa)isa)) --isa;
    return (dms_isa)isa;
}

const char *dms_isa_name(dms_isa isa) {
    switch (isa) {
    case DMS_ISA_PORTABLE: return "portable";
    case DMS_ISA_NEON: return "neon";
    case DMS_ISA_AVX2: return "avx2";
    case DMS_ISA_AVX2_VNNI: return "avx2-vnni";
    case DMS_ISA_AVX512: return "avx512";
    case DMS_ISA_AVX512_BF16: return "avx512-bf16";
    case DMS_ISA_AMX: return "amx";
    case DMS_ISA_PORTABLE_TILES: return "portable-tiles";
    }
    return "unknown";
}

enum { DMS_THREADS_MAX = 1024 };

dms_context *dms_context_new(dms_isa isa, int32_t threads) {
    if (!dms_isa_available(isa) || threads < 1 || threads > DMS_THREADS_MAX) return NULL;
    dms_context *context = calloc(1, sizeof *context);
    if (!context) return NULL;
    context->isa = isa;
    context->threads = threads;
    context->linear = dms_linear_kernels_for(isa);
    context->attention = dms_attention_kernels_for(isa);
    context->rows = dms_row_kernels_for(isa);
    context->matmul = dms_matmul_kernels_for(isa);
    context->training = dms_training_kernels_for(isa);
    context->soft_attention = dms_soft_attention_kernels_for(isa);
    for (int p = 0; p < DMS_PRECISIONS; ++p) context->panels[p] = dms_panels_kernels_for(isa, (dms_precision)p);
    context->pool = dms_pool_new(threads);
    if (!context->pool) {
        free(context);
        return NULL;
    }
    return context;
}

void dms_context_free(dms_context *context) {
    if (!context) return;
    dms_pool_free(context->pool);
    free(context);
}

int32_t dms_context_threads(const dms_context *context) { return context->threads; }

dms_isa dms_context_isa(const dms_context *context) { return context->isa; }
