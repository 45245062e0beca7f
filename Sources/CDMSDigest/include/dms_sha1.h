// SHA-1 (FIPS 180-4), for git's names of files.
//
// It no longer protects against anybody who wants a collision; it tells whether bytes arrived as they were sent.
#ifndef DMS_SHA1_H
#define DMS_SHA1_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The digest of `prefix` followed by `bytes`; either may be NULL where its length is 0. A prefix is at most 63 bytes.
void dms_sha1(const void *prefix, size_t prefix_length, const void *bytes, size_t length, uint8_t digest[20]);

#ifdef __cplusplus
}
#endif

#endif
