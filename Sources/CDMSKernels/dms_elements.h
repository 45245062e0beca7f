// Conversions between FP32 and the narrow element types, one element at a time and without branches, so that loops
// over them become vector code on every instruction set.
#ifndef DMS_ELEMENTS_H
#define DMS_ELEMENTS_H

#include "dms_internal.h"

#define DMS_ELEMENT static inline __attribute__((always_inline))

DMS_ELEMENT uint32_t dms_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

DMS_ELEMENT float dms_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Binary16, subnormals included; infinities and NaN stay what they are.
DMS_ELEMENT float dms_f16_to_f32(uint16_t value) {
    uint32_t magnitude = (uint32_t)(value & 0x7fffu) << 13;
    // 2^112 moves the exponent's bias from 15 to 127 and normalises subnormals.
    uint32_t finite = dms_bits(dms_float(magnitude) * 0x1p112f);
    uint32_t bits = magnitude >= 0x0f800000u ? magnitude | 0x7f800000u : finite;
    return dms_float(bits | (uint32_t)(value & 0x8000u) << 16);
}

// To nearest, ties to even; too large becomes infinite, NaN stays NaN.
DMS_ELEMENT uint16_t dms_f32_to_f16(float value) {
    uint32_t bits = dms_bits(value), magnitude = bits & 0x7fffffffu;
    // Adding 0.5 puts the last bit kept of a subnormal at the last bit of the sum.
    uint32_t subnormal = dms_bits(dms_float(magnitude) + 0.5f) - 0x3f000000u;
    uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    uint32_t result = magnitude < 0x38800000u ? subnormal : normal;
    result = magnitude >= 0x47800000u ? 0x7c00u : result;
    result = magnitude > 0x7f800000u ? 0x7e00u : result;
    return (uint16_t)(result | (bits >> 16 & 0x8000u));
}

// FP8 e4m3 of the Open Compute Project: bias 7, no infinities, NaN is 0x7f, largest 448, smallest 2^-9.
DMS_ELEMENT float dms_fp8_to_f32(uint8_t value) {
    uint32_t magnitude = value & 0x7fu;
    uint32_t finite = dms_bits(dms_float(magnitude << 20) * 0x1p120f);
    uint32_t bits = magnitude == 0x7fu ? 0x7fc00000u : finite;
    return dms_float(bits | (uint32_t)(value & 0x80u) << 24);
}

// To nearest, ties to even; too large becomes 448, NaN stays NaN.
DMS_ELEMENT uint8_t dms_f32_to_fp8(float value) {
    uint32_t bits = dms_bits(value), magnitude = bits & 0x7fffffffu;
    uint32_t bounded = magnitude > 0x43e00000u ? 0x43e00000u : magnitude;
    uint32_t subnormal = dms_bits(dms_float(bounded) + 0x1p14f) - 0x46800000u;
    uint32_t normal = (bounded - (120u << 23) + 0x7ffffu + ((bounded >> 20) & 1u)) >> 20;
    uint32_t result = bounded < 0x3c800000u ? subnormal : normal;
    result = magnitude > 0x7f800000u ? 0x7fu : result;
    return (uint8_t)(result | (bits >> 24 & 0x80u));
}

// To nearest, ties to even, of a value in -127...127.
DMS_ELEMENT int8_t dms_f32_to_int8(float value) {
    return (int8_t)(int32_t)(dms_bits(value + 0x1.8p23f) - 0x4b400000u);
}

#endif
