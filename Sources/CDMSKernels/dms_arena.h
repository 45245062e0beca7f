// Cuts a caller's scratch memory into aligned pieces.
#ifndef DMS_ARENA_H
#define DMS_ARENA_H

#include "dms_internal.h"

enum { DMS_ARENA_ALIGNMENT = 64 };

// With a NULL base it only counts.
typedef struct dms_arena {
    char *base;
    size_t used;
} dms_arena;

static inline void *dms_take(dms_arena *arena, size_t bytes) {
    void *piece = arena->base ? arena->base + arena->used : NULL;
    arena->used += dms_round_up(bytes, DMS_ARENA_ALIGNMENT);
    return piece;
}

#endif
