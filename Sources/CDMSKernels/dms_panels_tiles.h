// Takes the rows of a block tile by tile. The including file has
//
//   DMS_PANELS_ROWS                                          the most rows of a tile
//   multiply_rows(kind, count, block, rows, first, sums)     a tile, for `kind` and `count` that are constants

#define DMS_PANELS_CASE(count)                                                                                         \
    case count:                                                                                                        \
        if (count <= DMS_PANELS_ROWS) multiply_rows(kind, count, block, rows, row, sums);                              \
        break;

DMS_FN void multiply_all(const int kind, const dms_panels_block *block, const dms_panels_rows *rows, float *sums) {
    for (size_t row = 0; row < rows->count;) {
        const size_t count = dms_panels_tile_rows(rows->count - row, DMS_PANELS_ROWS);
        switch (count) {
            DMS_PANELS_CASE(1)
            DMS_PANELS_CASE(2)
            DMS_PANELS_CASE(3)
            DMS_PANELS_CASE(4)
            DMS_PANELS_CASE(5)
            DMS_PANELS_CASE(6)
            DMS_PANELS_CASE(7)
            DMS_PANELS_CASE(8)
            DMS_PANELS_CASE(9)
            DMS_PANELS_CASE(10)
            DMS_PANELS_CASE(11)
            DMS_PANELS_CASE(12)
        default: break;
        }
        row += count;
    }
}
