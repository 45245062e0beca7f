// The compression function in the SHA-2 instructions of AArch64: four rounds per pair of instructions.

#include "dms_sha256_internal.h"

#if defined(DMS_SHA256_ARM)

#include <arm_neon.h>

#if defined(__linux__)
#include <sys/auxv.h>
#endif

#if defined(__clang__)
#define DMS_SHA_TARGET __attribute__((target("sha2")))
#else
#define DMS_SHA_TARGET __attribute__((target("+crypto")))
#endif

int32_t dms_sha256_has_hardware(void) {
#if defined(__APPLE__)
    return 1;
#elif defined(__linux__)
    enum { SHA2_BIT = 6 };  // HWCAP_SHA2
    return (int32_t)(getauxval(AT_HWCAP) >> SHA2_BIT & 1);
#else
    return 0;
#endif
}

DMS_SHA_TARGET void dms_sha256_blocks_hardware(uint32_t state[8], const uint8_t *blocks, size_t count) {
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
    for (; count != 0; --count, blocks += 64) {
        uint32x4_t before_abcd = abcd, before_efgh = efgh, w[4];
        for (int i = 0; i < 4; ++i) w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 16 * i)));
#if defined(__clang__)
#pragma clang loop unroll(full)
#endif
        for (int i = 0; i < 16; ++i) {
            uint32x4_t input = vaddq_u32(w[i & 3], vld1q_u32(dms_sha256_constants + 4 * i));
            uint32x4_t first = abcd;
            abcd = vsha256hq_u32(abcd, efgh, input);
            efgh = vsha256h2q_u32(efgh, first, input);
            if (i < 12) {
                uint32x4_t sum = vsha256su0q_u32(w[i & 3], w[(i + 1) & 3]);
                w[i & 3] = vsha256su1q_u32(sum, w[(i + 2) & 3], w[(i + 3) & 3]);
            }
        }
        abcd = vaddq_u32(abcd, before_abcd);
        efgh = vaddq_u32(efgh, before_efgh);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}

#endif
