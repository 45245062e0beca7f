// Compares SHA-256 in the instructions of AArch64 with its portable twin, at every length around a block's end and at odd
// addresses. Runs natively on AArch64 or under emulation (Scripts/test-neon.sh).

#include "dms_sha256.h"

#include <stdio.h>
#include <string.h>

enum { MOST_BYTES = 1000 };

int main(void) {
    static uint8_t bytes[MOST_BYTES + 1];
    if (!dms_sha256_available(DMS_SHA256_HARDWARE) || dms_sha256_best() != DMS_SHA256_HARDWARE) {
        printf("FAILED: no SHA-2 instructions\n");
        return 1;
    }
    for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = (uint8_t)(i * 7 + 1);
    int failures = 0;
    for (size_t length = 0; length <= MOST_BYTES; ++length) {
        dms_sha256_message a[2] = {{.bytes = bytes + 1, .length = length}, {.bytes = bytes, .length = length}};
        dms_sha256_message b[2] = {a[0], a[1]};
        dms_sha256(DMS_SHA256_HARDWARE, a, 2, 2);
        dms_sha256(DMS_SHA256_PORTABLE, b, 2, 1);
        if (memcmp(a[0].digest, b[0].digest, 32) != 0 || memcmp(a[1].digest, b[1].digest, 32) != 0) ++failures;
    }
    printf(failures == 0 ? "ok     SHA-256\n" : "FAILED: SHA-256 differs at %d lengths\n", failures);
    return failures != 0;
}
