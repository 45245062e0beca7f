// Linear layers over weights of 8 or 4 bits with a scale for each group, written once. Codes become floats in registers,
// exactly, and are multiplied like any other weight, so that a row has the same bits in every batch here, too.
//
// Weights are taken in units of 32 consecutive inputs. A unit's inputs lie transposed in prepared rows: lane l of step s
// is input l * steps + s, which is where shifting a vector of codes leaves them. Included after dms_linear_body.h; the
// including file defines
//
//   dms_factor, dms_group_factor(bits, scale)          what widening has to know of a group
//   dms_codes, dms_load_codes(bits, p)                 a unit of one output
//   dms_widen_codes(bits, codes, step, factor)         the weights of one step
//   DMS_GROUPED_OUTPUTS                                the outputs of a tile of one or two rows

enum {
    DMS_UNIT = 32,
    DMS_UNIT_STEPS = DMS_UNIT / VF_LANES,
    // With few accumulators a sum would wait for the one before; with many rows widened weights are used again.
    DMS_GROUPED_ROWS = 2,
};

// The rows of the next panel, fetched as dms_tile fetches them: one after another.
typedef struct dms_fetching {
    const char *const *rows;
    size_t row, at, row_bytes;
    size_t due;  // bytes not fetched yet of those that keep pace with what is used
} dms_fetching;

DMS_FN void dms_fetch(dms_fetching *fetching, size_t bytes) {
    fetching->due += bytes;
    while (fetching->due >= DMS_CACHE_LINE && fetching->row < DMS_GROUPED_OUTPUTS) {
        __builtin_prefetch(fetching->rows[fetching->row] + fetching->at, 0, 3);
        fetching->due -= DMS_CACHE_LINE;
        fetching->at += DMS_CACHE_LINE;
        if (fetching->at >= fetching->row_bytes) {
            fetching->at = 0;
            ++fetching->row;
        }
    }
}

// Of every output a unit: widened step by step, each step multiplied with every row.
DMS_FN void dms_add_unit(const int bits, const size_t rows, const dms_panel *panel, size_t k, const dms_factor *factors,
                         vf (*sums)[DMS_GROUPED_OUTPUTS]) {
    const float *x = (const float *)panel->x + k;
    for (size_t n = 0; n < DMS_GROUPED_OUTPUTS; ++n) {
        dms_codes codes = dms_load_codes(bits, (const char *)panel->weights[n] + k * (size_t)bits / 8);
        for (size_t step = 0; step < DMS_UNIT_STEPS; ++step) {
            vf weights = dms_widen_codes(bits, codes, step, factors[n]);
            for (size_t m = 0; m < rows; ++m) {
                sums[m][n] = vf_fma(vf_load(x + m * panel->x_stride + step * VF_LANES), weights, sums[m][n]);
            }
        }
    }
}

DMS_FN void dms_grouped_tile(const int bits, const size_t rows, const dms_panel *panel) {
    enum { N = DMS_GROUPED_OUTPUTS };
    dms_fetching fetching = {.rows = panel->next, .row_bytes = panel->depth * (size_t)bits / 8};
    vf sums[DMS_GROUPED_ROWS][N];
    dms_begin_sums(rows, N, panel, 0, sums[0], N);
    for (size_t k = 0, group = 0; k < panel->depth; ++group) {
        dms_factor factors[N];
        for (size_t n = 0; n < N; ++n) {
            factors[n] = dms_group_factor(bits, dms_bf16_to_f32(panel->scales[n][group]));
        }
        for (size_t end = k + panel->group; k < end; k += DMS_UNIT) {
            dms_fetch(&fetching, N * DMS_UNIT * (size_t)bits / 8);
            dms_add_unit(bits, rows, panel, k, factors, sums);
        }
    }
    dms_end_sums(rows, N, panel, 0, sums[0], N);
}

// A block of one output.
DMS_FN void dms_widen_row(const int bits, const dms_panel *panel, size_t n, float *widened) {
    const char *codes = panel->weights[n];
    for (size_t k = 0; k < panel->depth; k += DMS_UNIT) {
        dms_factor factor = dms_group_factor(bits, dms_bf16_to_f32(panel->scales[n][k / panel->group]));
        dms_codes unit = dms_load_codes(bits, codes + k * (size_t)bits / 8);
        for (size_t step = 0; step < DMS_UNIT_STEPS; ++step) {
            vf_store(widened + k + step * VF_LANES, dms_widen_codes(bits, unit, step, factor));
        }
    }
}

DMS_FN void dms_grouped_products(const int bits, const dms_panel *panel) {
    if (panel->rows <= DMS_GROUPED_ROWS && panel->outputs == DMS_GROUPED_OUTPUTS) {
        if (panel->rows == 1) {
            dms_grouped_tile(bits, 1, panel);
        } else {
            dms_grouped_tile(bits, 2, panel);
        }
        return;
    }
    _Alignas(DMS_CACHE_LINE) float widened[DMS_TILE_OUTPUTS * DMS_WIDENED_STRIDE];
    dms_panel floats = *panel;
    for (size_t n = 0; n < DMS_TILE_OUTPUTS; ++n) {
        dms_widen_row(bits, panel, n, widened + n * DMS_WIDENED_STRIDE);
        floats.weights[n] = widened + n * DMS_WIDENED_STRIDE;
    }
    dms_many_rows(DMS_PRODUCT_F32, &floats, DMS_CACHE_LINE * 8 / (size_t)bits);
}

DMS_TARGET static void dms_panel_int8(const dms_panel *panel) { dms_grouped_products(8, panel); }
DMS_TARGET static void dms_panel_int4(const dms_panel *panel) { dms_grouped_products(4, panel); }

DMS_FN void dms_prepare_units(const float *x, size_t count, size_t padded, float *out, const int rounds) {
    for (size_t k = 0; k < padded; k += DMS_UNIT) {
        float unit[DMS_UNIT];
        size_t left = DMS_MIN(count - DMS_MIN(k, count), (size_t)DMS_UNIT);
        for (size_t i = 0; i < left; ++i) unit[i] = rounds ? dms_bf16_to_f32(dms_f32_to_bf16(x[k + i])) : x[k + i];
        for (size_t i = left; i < DMS_UNIT; ++i) unit[i] = 0;
        for (size_t step = 0; step < DMS_UNIT_STEPS; ++step) {
            for (size_t lane = 0; lane < VF_LANES; ++lane) {
                out[k + step * VF_LANES + lane] = unit[lane * DMS_UNIT_STEPS + step];
            }
        }
    }
}

DMS_TARGET static void dms_prepare_grouped(const float *x, size_t count, size_t padded, void *prepared) {
    dms_prepare_units(x, count, padded, prepared, 0);
}

DMS_TARGET static void dms_prepare_grouped_rounded(const float *x, size_t count, size_t padded, void *prepared) {
    dms_prepare_units(x, count, padded, prepared, 1);
}

#define DMS_GROUPED_PATH(function)                                                                                     \
    {                                                                                                                  \
        .element_size = 4, .lanes = DMS_UNIT, .block = DMS_BLOCK_BYTES / 4, .gap = DMS_CACHE_LINE / 4,                 \
        .sums = VF_LANES, .tile_rows = DMS_TILE_ROWS, .outputs = DMS_TILE_OUTPUTS, .few_rows = DMS_GROUPED_ROWS,       \
        .few_outputs = DMS_GROUPED_OUTPUTS, .prepare = function,                                                       \
        .panel = {[DMS_GROUPED_INT8] = dms_panel_int8, [DMS_GROUPED_INT4] = dms_panel_int4},                           \
    }

static const dms_linear_path dms_grouped_paths[] = {
    [DMS_PRECISION_FP32] = DMS_GROUPED_PATH(dms_prepare_grouped),
    [DMS_PRECISION_BF16] = DMS_GROUPED_PATH(dms_prepare_grouped_rounded),
};
