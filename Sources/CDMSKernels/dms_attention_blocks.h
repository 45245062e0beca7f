// A walk over the slots of a KV head, block by block, wherever the runs begin and end.
#ifndef DMS_ATTENTION_BLOCKS_H
#define DMS_ATTENTION_BLOCKS_H

#include "dms_attention.h"

typedef struct dms_slot_cursor {
    const dms_kv_run *run, *end;
    size_t offset;  // into *run
} dms_slot_cursor;

dms_slot_cursor dms_slot_cursor_at(const dms_attention_sequence *sequence, size_t head, size_t slot);

// Gathers the next block of which a row at positions[0]...positions[1] sees something, of those before block number
// `end`; 0 when there is none. *index counts the blocks passed.
int32_t dms_next_block(const dms_attention_shape *shape, dms_slot_cursor *cursor, size_t *index, size_t end,
                       const int32_t positions[2], dms_attention_block *block);

#endif
