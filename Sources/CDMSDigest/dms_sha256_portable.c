// The compression function in plain C.

#include "dms_sha256_internal.h"

const uint32_t dms_sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t value, int count) { return value >> count | value << (32 - count); }

static uint32_t load_big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void expand(uint32_t w[64], const uint8_t *block) {
    for (int i = 0; i < 16; ++i) w[i] = load_big_endian(block + 4 * i);
    for (int i = 16; i < 64; ++i) {
        uint32_t early = w[i - 15], late = w[i - 2];
        uint32_t low = rotate(early, 7) ^ rotate(early, 18) ^ early >> 3;
        uint32_t high = rotate(late, 17) ^ rotate(late, 19) ^ late >> 10;
        w[i] = w[i - 16] + low + w[i - 7] + high;
    }
}

// One round. The variables keep their places: the caller renames them instead of moving them.
static inline void step(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f, uint32_t g, uint32_t *h,
                        uint32_t input) {
    uint32_t choice = g ^ (e & (f ^ g)), majority = (a & b) | (c & (a | b));
    uint32_t sum = *h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + choice + input;
    *d += sum;
    *h = sum + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority;
}

void dms_sha256_blocks_portable(uint32_t state[8], const uint8_t *blocks, size_t count) {
    const uint32_t *k = dms_sha256_constants;
    uint32_t w[64];
    for (; count != 0; --count, blocks += 64) {
        expand(w, blocks);
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int i = 0; i < 64; i += 8) {
            step(a, b, c, &d, e, f, g, &h, k[i] + w[i]);
            step(h, a, b, &c, d, e, f, &g, k[i + 1] + w[i + 1]);
            step(g, h, a, &b, c, d, e, &f, k[i + 2] + w[i + 2]);
            step(f, g, h, &a, b, c, d, &e, k[i + 3] + w[i + 3]);
            step(e, f, g, &h, a, b, c, &d, k[i + 4] + w[i + 4]);
            step(d, e, f, &g, h, a, b, &c, k[i + 5] + w[i + 5]);
            step(c, d, e, &f, g, h, a, &b, k[i + 6] + w[i + 6]);
            step(b, c, d, &e, f, g, h, &a, k[i + 7] + w[i + 7]);
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
    }
}
