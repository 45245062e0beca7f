// Gathers blocks of keys from the runs of a KV head.
#include "dms_attention_blocks.h"

dms_slot_cursor dms_slot_cursor_at(const dms_attention_sequence *sequence, size_t head, size_t slot) {
    const uint32_t *starts = sequence->run_starts + head;
    dms_slot_cursor cursor = {sequence->runs + starts[0], sequence->runs + starts[1], slot};
    while (cursor.run < cursor.end && cursor.offset >= cursor.run->count) {
        cursor.offset -= cursor.run->count;
        ++cursor.run;
    }
    return cursor;
}

// Slots of one run that a block takes, and where.
typedef struct {
    const dms_kv_run *run;
    size_t offset, count, at;
} piece_t;

// The next piece of a block that has `at` slots; none when the block or the list is full.
static int32_t next_piece(dms_slot_cursor *cursor, size_t at, piece_t *piece) {
    while (cursor->run < cursor->end && cursor->offset == cursor->run->count) {
        cursor->offset = 0;
        ++cursor->run;
    }
    if (at == DMS_ATTENTION_BLOCK || cursor->run == cursor->end) return 0;
    size_t count = DMS_MIN(DMS_ATTENTION_BLOCK - at, cursor->run->count - cursor->offset);
    *piece = (piece_t){cursor->run, cursor->offset, count, at};
    cursor->offset += count;
    return 1;
}

static void take_rows(const dms_attention_shape *shape, const piece_t *piece, dms_attention_block *block) {
    size_t row_bytes = shape->head_dim * dms_dtype_size(shape->type);
    const char *keys = (const char *)piece->run->keys + piece->offset * row_bytes;
    const char *values = (const char *)piece->run->values + piece->offset * row_bytes;
    for (size_t i = 0; i < piece->count; ++i) {
        block->keys[piece->at + i] = keys + i * row_bytes;
        block->values[piece->at + i] = values + i * row_bytes;
    }
    if (!shape->scaled) return;
    size_t bytes = piece->count * sizeof(float);
    memcpy(block->key_scales + piece->at, piece->run->key_scales + piece->offset, bytes);
    memcpy(block->value_scales + piece->at, piece->run->value_scales + piece->offset, bytes);
}

static void pad_rows(dms_attention_block *block) {
    for (size_t i = block->count; i < DMS_ATTENTION_BLOCK; ++i) {
        block->keys[i] = block->keys[block->count - 1];
        block->values[i] = block->values[block->count - 1];
        block->key_scales[i] = block->value_scales[i] = 0.0f;
    }
}

static void copy_bounds(const int32_t *bounds, const piece_t *piece, int32_t otherwise, int32_t *copy) {
    for (size_t i = 0; i < piece->count; ++i) copy[piece->at + i] = bounds ? bounds[piece->offset + i] : otherwise;
}

// Fills in who sees the block, again from its start, and says whether a row at one of the positions does.
static int32_t take_bounds(dms_slot_cursor cursor, int32_t first_position, int32_t last_position,
                           dms_attention_block *block) {
    piece_t piece;
    for (size_t at = 0; next_piece(&cursor, at, &piece); at += piece.count) {
        copy_bounds(piece.run->first_query, &piece, INT32_MIN, block->first);
        copy_bounds(piece.run->last_query, &piece, INT32_MAX, block->last);
    }
    int32_t any = 0, all = block->count == DMS_ATTENTION_BLOCK;
    for (size_t i = 0; i < block->count; ++i) {
        any |= (block->first[i] <= last_position) & (block->last[i] >= first_position);
        all &= (block->first[i] <= first_position) & (block->last[i] >= last_position);
    }
    for (size_t i = block->count; i < DMS_ATTENTION_BLOCK; ++i) {
        block->first[i] = INT32_MAX;
        block->last[i] = INT32_MIN;
    }
    block->masked = !all;
    return any;
}

// Gathers the next slots and says whether a row at one of the positions sees any of them.
static int32_t gather_block(const dms_attention_shape *shape, dms_slot_cursor *cursor, int32_t first_position,
                            int32_t last_position, dms_attention_block *block) {
    dms_slot_cursor start = *cursor;
    piece_t piece;
    int32_t bounded = 0;
    block->count = 0;
    while (next_piece(cursor, block->count, &piece)) {
        take_rows(shape, &piece, block);
        bounded |= piece.run->first_query != NULL || piece.run->last_query != NULL;
        block->count += piece.count;
    }
    block->masked = 0;
    if (block->count == 0) return 0;
    pad_rows(block);
    return !bounded && block->count == DMS_ATTENTION_BLOCK
        ? 1 : take_bounds(start, first_position, last_position, block);
}

int32_t dms_next_block(const dms_attention_shape *shape, dms_slot_cursor *cursor, size_t *index, size_t end,
                          const int32_t positions[2], dms_attention_block *block) {
    while (*index < end && cursor->run < cursor->end) {
        *index += 1;
        if (gather_block(shape, cursor, positions[0], positions[1], block)) return 1;
    }
    return 0;
}
