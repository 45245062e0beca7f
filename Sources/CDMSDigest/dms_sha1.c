#include "dms_sha1.h"

#include <assert.h>
#include <string.h>

enum {
    BLOCK = 64,
    LENGTH_BYTES = 8,
};

static uint32_t rotate(uint32_t value, int count) { return value << count | value >> (32 - count); }

static void compress(uint32_t state[5], const uint8_t block[BLOCK]) {
    uint32_t words[80];
    for (int i = 0; i < 16; ++i) {
        const uint8_t *at = block + 4 * i;
        words[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    for (int i = 16; i < 80; ++i) words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 80; ++i) {
        uint32_t mixed, constant;
        if (i < 20) {
            mixed = (b & c) | (~b & d), constant = 0x5a827999;
        } else if (i < 40) {
            mixed = b ^ c ^ d, constant = 0x6ed9eba1;
        } else if (i < 60) {
            mixed = (b & c) | (b & d) | (c & d), constant = 0x8f1bbcdc;
        } else {
            mixed = b ^ c ^ d, constant = 0xca62c1d6;
        }
        uint32_t next = rotate(a, 5) + mixed + e + constant + words[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

void dms_sha1(const void *prefix, size_t prefix_length, const void *bytes, size_t length, uint8_t digest[20]) {
    assert(prefix_length < BLOCK);
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint64_t bits = ((uint64_t)prefix_length + length) * 8;
    // What waits for a whole block: the prefix at first, the end of the message at last.
    uint8_t block[BLOCK] = {0};
    size_t filled = prefix_length;
    if (prefix_length != 0) memcpy(block, prefix, prefix_length);
    const uint8_t *next = bytes;
    while (length != 0) {
        if (filled == 0 && length >= BLOCK) {
            compress(state, next);
            next += BLOCK, length -= BLOCK;
            continue;
        }
        size_t count = length < BLOCK - filled ? length : BLOCK - filled;
        memcpy(block + filled, next, count);
        next += count, length -= count, filled += count;
        if (filled == BLOCK) {
            compress(state, block);
            filled = 0;
        }
    }
    // A one bit, zeros, and the length in bits at the end of a block.
    block[filled++] = 0x80;
    if (filled > BLOCK - LENGTH_BYTES) {
        memset(block + filled, 0, BLOCK - filled);
        compress(state, block);
        filled = 0;
    }
    memset(block + filled, 0, BLOCK - filled);
    for (int i = 0; i < LENGTH_BYTES; ++i) block[BLOCK - 1 - i] = (uint8_t)(bits >> (8 * i));
    compress(state, block);
    for (int i = 0; i < 20; ++i) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}
