// Linear layers with AMX: tiles of BF16, sixteen rows of 64 bytes, whose product is 16 x 16 sums of 32 pairs each.
//
// A sum takes the even and the odd inputs of a step apart and adds both to what it was (Intel 64 and IA-32 Architectures
// Software Developer's Manual, TDPBF16PS); numbers too small for a normal float count as zero, as in AVX512_BF16.

#define _GNU_SOURCE

#include "dms_internal.h"

#if defined(DMS_X86)

#include "dms_linear_tiles.h"
#include "dms_simd_avx512.h"

#include <stdatomic.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#undef DMS_FN
#undef DMS_TARGET
#define DMS_TARGET                                                                                                     \
    __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c")))
#define DMS_FN static inline __attribute__((always_inline)) DMS_TARGET

// Tiles are named by number in the instructions: sums of output block b and row group g are tile 2 b + g.
enum { DMS_TILE_BYTES = 64 };

typedef struct dms_tile_shapes {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];  // of a row
    uint8_t rows[16];
} dms_tile_shapes;

DMS_TARGET static void dms_begin_tiles(void) {
    dms_tile_shapes shapes = {.palette = 1};
    for (size_t t = 0; t < 8; ++t) {
        shapes.bytes[t] = DMS_TILE_BYTES;
        shapes.rows[t] = DMS_TILE;
    }
    _tile_loadconfig(&shapes);
}

DMS_TARGET static void dms_end_tiles(void) { _tile_release(); }

// MARK: Inputs

DMS_TARGET static void dms_prepare_tiles(const float *x, size_t x_stride, size_t rows, size_t inputs, uint16_t *prepared) {
    for (size_t k = 0; k < inputs; k += DMS_TILE_STEP) {
        vf pairs[DMS_TILE];
        size_t left = DMS_MIN(inputs - k, (size_t)DMS_TILE_STEP);
        __mmask16 first = vf_lanes_below(DMS_MIN(left, (size_t)16)), second = vf_lanes_below(left < 16 ? 0 : left - 16);
        for (size_t row = 0; row < DMS_TILE; ++row) {
            const float *from = x + row * x_stride + k;
            if (row < rows) {
                __m512 low = _mm512_maskz_loadu_ps(first, from);
                __m512 high = _mm512_maskz_loadu_ps(second, left < 16 ? from : from + 16);
                pairs[row] = (__m512)_mm512_cvtne2ps_pbh(high, low);
            } else {
                pairs[row] = _mm512_setzero_ps();
            }
        }
        vf_transpose(pairs);
        for (size_t pair = 0; pair < DMS_TILE; ++pair) vf_store((float *)prepared + pair * DMS_TILE, pairs[pair]);
        prepared += DMS_TILE_ELEMENTS;
    }
}

// MARK: Products

// Where the weights of a step lie: in place, or in a copy with zeros where outputs or inputs end.
typedef struct dms_step_weights {
    const uint16_t *blocks[DMS_TILE_OUTPUT_BLOCKS];
    size_t stride;  // bytes from output to output
} dms_step_weights;

DMS_FN void dms_copy_step(const dms_tile_panel *panel, size_t k, uint16_t (*copy)[DMS_TILE_ELEMENTS],
                          dms_step_weights *weights) {
    size_t inputs = DMS_MIN(panel->inputs - k, (size_t)DMS_TILE_STEP);
    memset(copy, 0, DMS_TILE_OUTPUT_BLOCKS * sizeof *copy);
    for (size_t b = 0; b < DMS_TILE_OUTPUT_BLOCKS; ++b) {
        for (size_t n = 0; n < panel->outputs; ++n) {
            memcpy(copy[b] + n * DMS_TILE_STEP, panel->weights[b] + n * panel->in_features + k, inputs * sizeof **copy);
        }
        weights->blocks[b] = copy[b];
    }
    weights->stride = DMS_TILE_BYTES;
}

// Adds one step of one or two groups; `rows` are their inputs of the step.
DMS_FN void dms_multiply_step(const int two, const dms_step_weights *weights, const uint16_t *rows,
                              size_t group_elements) {
    _tile_loadd(6, rows, DMS_TILE_BYTES);
    _tile_loadd(4, weights->blocks[0], weights->stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, weights->blocks[1], weights->stride);
    _tile_dpbf16ps(2, 5, 6);
    if (two) {
        _tile_loadd(7, rows + group_elements, DMS_TILE_BYTES);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
}

DMS_FN void dms_load_sums(const int two, const float *sums) {
    _tile_loadd(0, sums, DMS_TILE_BYTES);
    _tile_loadd(2, sums + DMS_TILE_SUMS, DMS_TILE_BYTES);
    if (two) {
        _tile_loadd(1, sums + 2 * DMS_TILE_SUMS, DMS_TILE_BYTES);
        _tile_loadd(3, sums + 3 * DMS_TILE_SUMS, DMS_TILE_BYTES);
    }
}

DMS_FN void dms_store_tiles(const int two, float *sums) {
    _tile_stored(0, sums, DMS_TILE_BYTES);
    _tile_stored(2, sums + DMS_TILE_SUMS, DMS_TILE_BYTES);
    if (two) {
        _tile_stored(1, sums + 2 * DMS_TILE_SUMS, DMS_TILE_BYTES);
        _tile_stored(3, sums + 3 * DMS_TILE_SUMS, DMS_TILE_BYTES);
    }
}

// One or two groups from `group` on, fetching lines of what comes next.
DMS_FN void dms_multiply_groups(const int two, const dms_tile_panel *panel, size_t group, const char *fetch,
                                size_t lines) {
    const uint16_t *rows = panel->rows + group * panel->group_elements;
    float *sums = panel->sums + group * DMS_TILE_OUTPUT_BLOCKS * DMS_TILE_SUMS;
    if (panel->begins) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        dms_load_sums(two, sums);
    }
    size_t whole = panel->outputs < DMS_TILE ? 0 : panel->inputs / DMS_TILE_STEP * DMS_TILE_STEP, k = 0;
    // Every step fetches its share, so that memory is asked all the time.
    size_t steps = DMS_MAX(whole / DMS_TILE_STEP, (size_t)1), share = (lines + steps - 1) / steps;
    const char *end = fetch + lines * DMS_CACHE_LINE;
    dms_step_weights weights = {.stride = panel->in_features * sizeof(uint16_t)};
    for (; k < whole; k += DMS_TILE_STEP) {
        for (size_t b = 0; b < DMS_TILE_OUTPUT_BLOCKS; ++b) weights.blocks[b] = panel->weights[b] + k;
        dms_multiply_step(two, &weights, rows + k * DMS_TILE, panel->group_elements);
        for (size_t i = 0; i < share && fetch < end; ++i, fetch += DMS_CACHE_LINE) _mm_prefetch(fetch, _MM_HINT_T1);
    }
    for (; k < panel->inputs; k += DMS_TILE_STEP) {
        _Alignas(DMS_CACHE_LINE) uint16_t copy[DMS_TILE_OUTPUT_BLOCKS][DMS_TILE_ELEMENTS];
        dms_copy_step(panel, k, copy, &weights);
        dms_multiply_step(two, &weights, rows + k * DMS_TILE, panel->group_elements);
    }
    dms_store_tiles(two, sums);
}

DMS_TARGET static void dms_multiply_panel(const dms_tile_panel *panel) {
    size_t lines = panel->next_bytes / DMS_CACHE_LINE, turns = (panel->groups + 1) / 2;
    for (size_t group = 0, turn = 0; group < panel->groups; group += 2, ++turn) {
        size_t begin = lines * turn / turns, end = lines * (turn + 1) / turns;
        const char *fetch = panel->next + begin * DMS_CACHE_LINE;
        if (group + 1 < panel->groups) {
            dms_multiply_groups(1, panel, group, fetch, end - begin);
        } else {
            dms_multiply_groups(0, panel, group, fetch, end - begin);
        }
    }
}

// MARK: Outputs

DMS_TARGET static void dms_finish_tile(const float *sums, size_t first, size_t end, size_t rows,
                                       const dms_linear_output *output, float *y, const float *bias) {
    vf t[DMS_TILE];
    for (size_t n = 0; n < DMS_TILE; ++n) t[n] = vf_load(sums + n * DMS_TILE);
    vf_transpose(t);
    __mmask16 mask = (__mmask16)(vf_lanes_below(end) & ~vf_lanes_below(first));
    vf added = bias ? _mm512_maskz_loadu_ps(mask, bias) : _mm512_setzero_ps();
    for (size_t row = 0; row < rows; ++row) {
        float *out = y + row * output->y_stride;
        vf total = t[row];
        if (output->accumulate) total = vf_add(_mm512_maskz_loadu_ps(mask, out), total);
        if (bias) total = vf_add(total, added);
        _mm512_mask_storeu_ps(out, mask, total);
    }
}

const dms_tile_kernels dms_tile_kernels_amx = {
    .prepare = dms_prepare_tiles,
    .panel = dms_multiply_panel,
    .finish = dms_finish_tile,
    .begin = dms_begin_tiles,
    .end = dms_end_tiles,
};

// MARK: The processor

DMS_TARGET void dms_chain_amx(size_t rounds) {
    _Alignas(DMS_CACHE_LINE) uint16_t ones[DMS_TILE_ELEMENTS];
    for (size_t i = 0; i < DMS_TILE_ELEMENTS; ++i) ones[i] = 0x3c00;
    _Alignas(DMS_CACHE_LINE) float sums[DMS_TILE_SUMS];
    dms_begin_tiles();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, ones, DMS_TILE_BYTES);
    _tile_loadd(5, ones, DMS_TILE_BYTES);
    _tile_loadd(6, ones, DMS_TILE_BYTES);
    _tile_loadd(7, ones, DMS_TILE_BYTES);
    for (size_t i = 0; i < rounds; ++i) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, DMS_TILE_BYTES);
    __asm__ volatile("" : : "r"(sums) : "memory");
    dms_end_tiles();
}

int dms_amx_available(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
    // The system keeps tiles only for processes that ask (Documentation/arch/x86/xstate.rst in the kernel's sources).
    enum { DMS_REQUEST_STATE = 0x1023, DMS_TILE_DATA = 18 };
    static _Atomic int answer = -1;
    int known = atomic_load(&answer);
    if (known < 0) {
        known = syscall(SYS_arch_prctl, DMS_REQUEST_STATE, DMS_TILE_DATA) == 0;
        atomic_store(&answer, known);
    }
    return known;
#else
    return 0;
#endif
}

#endif
