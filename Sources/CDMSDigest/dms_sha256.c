// Messages, their padding, and the threads that share them.

#define _POSIX_C_SOURCE 200809L

#include "dms_sha256_internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

enum {
    BLOCK = 64,
    LENGTH_BYTES = 8,
    MOST_THREADS = 64,
};

// MARK: Versions

int32_t dms_sha256_available(dms_sha256_version version) {
    if (version == DMS_SHA256_PORTABLE) return 1;
#if defined(DMS_SHA256_X86) || defined(DMS_SHA256_ARM)
    return dms_sha256_has_hardware();
#else
    return 0;
#endif
}

dms_sha256_version dms_sha256_best(void) {
    return dms_sha256_available(DMS_SHA256_HARDWARE) ? DMS_SHA256_HARDWARE : DMS_SHA256_PORTABLE;
}

static void compress(dms_sha256_version version, uint32_t state[8], const uint8_t *blocks, size_t count) {
#if defined(DMS_SHA256_X86) || defined(DMS_SHA256_ARM)
    if (version == DMS_SHA256_HARDWARE) {
        dms_sha256_blocks_hardware(state, blocks, count);
        return;
    }
#endif
    dms_sha256_blocks_portable(state, blocks, count);
}

// MARK: One message

static void store_big_endian(uint8_t *bytes, uint64_t value, int count) {
    for (int i = count - 1; i >= 0; --i, value >>= 8) bytes[i] = (uint8_t)value;
}

void dms_sha256_begin(dms_sha256_state *state) {
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(state->words, first, sizeof first);
    state->length = 0;
}

void dms_sha256_blocks(dms_sha256_version version, dms_sha256_state *state, const void *bytes, size_t length) {
    if (length != 0) compress(version, state->words, bytes, length / BLOCK);
    state->length += length;
}

void dms_sha256_end(dms_sha256_version version, dms_sha256_state *state, const void *bytes, size_t length,
                    uint8_t digest[32]) {
    // What is left, a one bit, zeros, and the length in bits at the end of a block.
    uint8_t tail[2 * BLOCK] = {0};
    size_t tail_blocks = length + 1 + LENGTH_BYTES <= BLOCK ? 1 : 2;
    if (length != 0) memcpy(tail, bytes, length);
    tail[length] = 0x80;
    store_big_endian(tail + tail_blocks * BLOCK - LENGTH_BYTES, (state->length + length) * 8, LENGTH_BYTES);
    compress(version, state->words, tail, tail_blocks);
    for (int i = 0; i < 8; ++i) store_big_endian(digest + 4 * i, state->words[i], 4);
}

static void hash_message(dms_sha256_version version, dms_sha256_message *message) {
    dms_sha256_state state;
    size_t rest = message->length % BLOCK, whole = message->length - rest;
    dms_sha256_begin(&state);
    dms_sha256_blocks(version, &state, message->bytes, whole);
    const uint8_t *last = rest == 0 ? NULL : (const uint8_t *)message->bytes + whole;
    dms_sha256_end(version, &state, last, rest, message->digest);
}

// MARK: Many messages

typedef struct {
    dms_sha256_version version;
    dms_sha256_message *messages;
    size_t count;
    atomic_size_t next;
} job_t;

static void *take_messages(void *info) {
    job_t *job = info;
    for (;;) {
        size_t index = atomic_fetch_add(&job->next, 1);
        if (index >= job->count) return NULL;
        hash_message(job->version, job->messages + index);
    }
}

void dms_sha256(dms_sha256_version version, dms_sha256_message *messages, size_t count, size_t threads) {
    job_t job = {.version = version, .messages = messages, .count = count};
    atomic_init(&job.next, 0);
    pthread_t helpers[MOST_THREADS];
    size_t helper_count = 0;
    size_t wanted = threads < count ? threads : count;
    if (wanted > MOST_THREADS) wanted = MOST_THREADS;
    // Helpers inherit a mask with everything blocked: signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (helper_count + 1 < wanted) {
        if (pthread_create(&helpers[helper_count], NULL, take_messages, &job) != 0) break;
        ++helper_count;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    take_messages(&job);
    for (size_t i = 0; i < helper_count; ++i) pthread_join(helpers[i], NULL);
}
