#ifndef DMS_SHA256_INTERNAL_H
#define DMS_SHA256_INTERNAL_H

#include "dms_sha256.h"

#if defined(__x86_64__)
#define DMS_SHA256_X86 1
#elif defined(__aarch64__)
#define DMS_SHA256_ARM 1
#endif

extern const uint32_t dms_sha256_constants[64];

// Runs `count` blocks of 64 bytes through the compression function.
void dms_sha256_blocks_portable(uint32_t state[8], const uint8_t *blocks, size_t count);
#if defined(DMS_SHA256_X86) || defined(DMS_SHA256_ARM)
int32_t dms_sha256_has_hardware(void);
void dms_sha256_blocks_hardware(uint32_t state[8], const uint8_t *blocks, size_t count);
#endif

#endif
