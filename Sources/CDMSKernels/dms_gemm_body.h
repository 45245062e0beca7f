// A small matrix product, c[rows][columns] (+)= a[rows][depth] * b[depth][columns], where one word of `a` is broadcast
// and a vector of words of `b` loaded. A word is a float, or a pair of BF16 whose products go to the same sum.
//
// Every element is summed in order of depth by one accumulator, so it does not matter which rows share a register tile.
//
// Before including: GEMM(name), the names; GEMM_TARGET, the target attribute; GEMM_STEP(left, right, sum); and
// GEMM_LEFT(a, stride, i, k), where word (i, k) of `a` is, unless `a` is row-major.

#define GEMM_FN static inline __attribute__((always_inline)) GEMM_TARGET

#ifndef GEMM_ROWS
#define GEMM_ROWS 6  // with DMS_GEMM_VECTORS, as many sums as the registers hold
#endif

#ifndef GEMM_LEFT
#define GEMM_LEFT(a, stride, i, k) ((a) + (i) * (stride) + (k))
#endif

// c[rows][vectors] (+)= a[rows][depth] * b[depth][vectors]; rows and vectors are constants after inlining.
GEMM_FN void GEMM(gemm_tile)(const size_t rows, const size_t vectors, size_t depth, const float *a,
                             size_t a_stride, const float *b, size_t b_stride, float *c, size_t c_stride,
                             int accumulate) {
    vf sum[GEMM_ROWS][DMS_GEMM_VECTORS];
    for (size_t i = 0; i < rows; ++i) {
        for (size_t j = 0; j < vectors; ++j) {
            sum[i][j] = accumulate ? vf_load(c + i * c_stride + j * VF_LANES) : vf_set1(0.0f);
        }
    }
    for (size_t k = 0; k < depth; ++k) {
        vf right[DMS_GEMM_VECTORS];
        for (size_t j = 0; j < vectors; ++j) right[j] = vf_load(b + k * b_stride + j * VF_LANES);
        for (size_t i = 0; i < rows; ++i) {
            vf left = vf_set1(*GEMM_LEFT(a, a_stride, i, k));
            for (size_t j = 0; j < vectors; ++j) sum[i][j] = GEMM_STEP(left, right[j], sum[i][j]);
        }
    }
    for (size_t i = 0; i < rows; ++i) {
        for (size_t j = 0; j < vectors; ++j) vf_store(c + i * c_stride + j * VF_LANES, sum[i][j]);
    }
}

GEMM_FN void GEMM(gemm_columns)(const size_t vectors, size_t rows, size_t depth, const float *a,
                                size_t a_stride, const float *b, size_t b_stride, float *c, size_t c_stride,
                                int accumulate) {
    switch (rows) {
    case 1: GEMM(gemm_tile)(1, vectors, depth, a, a_stride, b, b_stride, c, c_stride, accumulate); break;
    case 2: GEMM(gemm_tile)(2, vectors, depth, a, a_stride, b, b_stride, c, c_stride, accumulate); break;
    case 3: GEMM(gemm_tile)(3, vectors, depth, a, a_stride, b, b_stride, c, c_stride, accumulate); break;
    case 4: GEMM(gemm_tile)(4, vectors, depth, a, a_stride, b, b_stride, c, c_stride, accumulate); break;
    case 5: GEMM(gemm_tile)(5, vectors, depth, a, a_stride, b, b_stride, c, c_stride, accumulate); break;
    default: GEMM(gemm_tile)(6, vectors, depth, a, a_stride, b, b_stride, c, c_stride, accumulate); break;
    }
}

// `columns` is rounded up to whole vectors.
GEMM_TARGET static void GEMM(gemm)(size_t rows, size_t columns, size_t depth, const float *a, size_t a_stride,
                                    const float *b, size_t b_stride, float *c, size_t c_stride, int accumulate) {
    for (size_t row = 0; row < rows;) {
        // Eight rows are better as two times four than as six and two.
        size_t left = rows - row;
        size_t count = left <= GEMM_ROWS ? left : left == GEMM_ROWS + 2 ? 4 : GEMM_ROWS;
        const float *a_row = GEMM_LEFT(a, a_stride, row, 0);
        float *c_row = c + row * c_stride;
        size_t column = 0;
        for (; column + (DMS_GEMM_VECTORS - 1) * VF_LANES < columns; column += DMS_GEMM_VECTORS * VF_LANES) {
            GEMM(gemm_columns)(DMS_GEMM_VECTORS, count, depth, a_row, a_stride, b + column, b_stride, c_row + column,
                               c_stride, accumulate);
        }
        for (; column < columns; column += VF_LANES) {
            GEMM(gemm_columns)(1, count, depth, a_row, a_stride, b + column, b_stride, c_row + column, c_stride,
                               accumulate);
        }
        row += count;
    }
}

#undef GEMM
#undef GEMM_TARGET
#undef GEMM_STEP
#undef GEMM_LEFT
#undef GEMM_FN
