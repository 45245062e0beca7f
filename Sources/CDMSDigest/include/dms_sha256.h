// SHA-256 (FIPS 180-4), with the processor's own instructions where it has them.
//
// Fast enough to read all weights of a model whenever it is loaded. Not made for secrets: nothing here runs in constant
// time.
#ifndef DMS_SHA256_H
#define DMS_SHA256_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum dms_sha256_version {
    DMS_SHA256_PORTABLE = 0,  // plain C; the twin that the other is tested against
    DMS_SHA256_HARDWARE = 1,  // SHA extensions of x86-64, or those of AArch64
} dms_sha256_version;

// 1 when this processor can run the version, else 0.
int32_t dms_sha256_available(dms_sha256_version version);
// The fastest version available.
dms_sha256_version dms_sha256_best(void);

// One message and its digest. `bytes` may be NULL when `length` is 0.
typedef struct dms_sha256_message {
    const void *bytes;
    size_t length;
    uint8_t digest[32];  // written
} dms_sha256_message;

// A message whose bytes come one piece after another.
typedef struct dms_sha256_state {
    uint32_t words[8];
    uint64_t length;
} dms_sha256_state;

void dms_sha256_begin(dms_sha256_state *state);
// The next bytes: a multiple of 64 of them.
void dms_sha256_blocks(dms_sha256_version version, dms_sha256_state *state, const void *bytes, size_t length);
// The last bytes, at most 63, and the digest. `bytes` may be NULL when `length` is 0.
void dms_sha256_end(dms_sha256_version version, dms_sha256_state *state, const void *bytes, size_t length,
                    uint8_t digest[32]);

// Hashes every message on its own, in up to `threads` threads, the calling one included. Where threads cannot be
// started fewer do the work. The version must be available.
void dms_sha256(dms_sha256_version version, dms_sha256_message *messages, size_t count, size_t threads);

#ifdef __cplusplus
}
#endif

#endif
