// A fork-join pool: the calling thread and its workers take indices from one shared word until none are left.
//
// The word holds (generation << 32 | indices left). A thread claims an index by a compare-and-swap that decrements the
// low half, so a worker that wakes late, or was still looking at an earlier job, can claim from a job only while that
// job has indices left, and a job with a claimed index cannot end. That is why the plain fields of `job` may be read
// after a successful claim without a lock, and why nobody needs to wait for a worker that never woke.

#define _POSIX_C_SOURCE 200809L

#include "dms_internal.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#if defined(DMS_X86)
#include <immintrin.h>
#endif

// How long a thread without work keeps looking before it sleeps: longer than the gap between two layers' kernels and
// than one thread waits for another's last share (waking a virtual processor costs as much), shorter than anything a
// person or another process would notice.
enum { DMS_SPIN_NANOSECONDS = 200000 };
// Apart by two cache lines: adjacent-line prefetchers fetch pairs.
enum { DMS_POOL_ALIGNMENT = 128 };

typedef struct dms_worker {
    dms_pool *pool;
    pthread_t thread;
    size_t id;
} dms_worker;

struct dms_pool {
    _Alignas(DMS_POOL_ALIGNMENT) atomic_uint_fast64_t word;
    _Alignas(DMS_POOL_ALIGNMENT) atomic_size_t finished;
    _Alignas(DMS_POOL_ALIGNMENT) struct {
        dms_task task;
        void *info;
        size_t base;
        uint32_t count;
    } job;
    atomic_int sleepers;
    atomic_int caller_sleeps;
    atomic_int stopping;
    pthread_mutex_t mutex;
    pthread_cond_t work_arrived;
    pthread_cond_t job_finished;
    size_t worker_count;
    dms_worker *workers;
};

static void dms_pause(void) {
#if defined(DMS_X86)
    _mm_pause();
#elif defined(DMS_ARM)
    __asm__ volatile("yield");
#endif
}

// A thread that only looks for work must not keep others, a server's say, from theirs.
static void dms_give_way(void) { sched_yield(); }

static int64_t dms_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// MARK: Taking part in a job

static int dms_claim(dms_pool *pool, size_t *index) {
    uint_fast64_t word = atomic_load_explicit(&pool->word, memory_order_acquire);
    while ((uint32_t)word != 0) {
        if (atomic_compare_exchange_weak_explicit(&pool->word, &word, word - 1, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            *index = pool->job.count - (uint32_t)word;
            return 1;
        }
    }
    return 0;
}

static void dms_work(dms_pool *pool, size_t worker) {
    size_t index;
    while (dms_claim(pool, &index)) {
        // Read before reporting: afterwards the caller may be writing the next job.
        size_t count = pool->job.count;
        pool->job.task(pool->job.info, pool->job.base + index, worker);
        size_t finished = atomic_fetch_add(&pool->finished, 1) + 1;
        if (finished == count && atomic_load(&pool->caller_sleeps)) {
            pthread_mutex_lock(&pool->mutex);
            pthread_cond_signal(&pool->job_finished);
            pthread_mutex_unlock(&pool->mutex);
        }
    }
}

// MARK: Workers

static int dms_has_work(dms_pool *pool) {
    return (uint32_t)atomic_load(&pool->word) != 0 || atomic_load(&pool->stopping);
}

static void dms_wait_for_work(dms_pool *pool) {
    int64_t deadline = dms_nanoseconds() + DMS_SPIN_NANOSECONDS;
    do {
        for (int i = 0; i < 32; ++i) {
            if (dms_has_work(pool)) return;
            dms_pause();
        }
        dms_give_way();
    } while (dms_nanoseconds() < deadline);
    pthread_mutex_lock(&pool->mutex);
    // Sequentially consistent on both sides: either this thread sees the new job below, or the caller, who publishes
    // the job before it reads `sleepers`, sees this thread.
    atomic_fetch_add(&pool->sleepers, 1);
    while (!dms_has_work(pool)) pthread_cond_wait(&pool->work_arrived, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static void *dms_worker_main(void *info) {
    dms_worker *worker = info;
    dms_pool *pool = worker->pool;
    while (!atomic_load(&pool->stopping)) {
        dms_work(pool, worker->id);
        dms_wait_for_work(pool);
    }
    return NULL;
}

// MARK: The caller

static void dms_wake_workers(dms_pool *pool) {
    if (atomic_load(&pool->sleepers) == 0) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->work_arrived);
    pthread_mutex_unlock(&pool->mutex);
}

static void dms_wait_for_finish(dms_pool *pool, size_t count) {
    int64_t deadline = dms_nanoseconds() + DMS_SPIN_NANOSECONDS;
    do {
        for (int i = 0; i < 32; ++i) {
            if (atomic_load(&pool->finished) == count) return;
            dms_pause();
        }
        dms_give_way();
    } while (dms_nanoseconds() < deadline);
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeps, 1);
    while (atomic_load(&pool->finished) != count) pthread_cond_wait(&pool->job_finished, &pool->mutex);
    atomic_store(&pool->caller_sleeps, 0);
    pthread_mutex_unlock(&pool->mutex);
}

static void dms_fork_join(dms_pool *pool, size_t base, uint32_t count, dms_task task, void *info) {
    pool->job.task = task;
    pool->job.info = info;
    pool->job.base = base;
    pool->job.count = count;
    atomic_store_explicit(&pool->finished, 0, memory_order_relaxed);
    uint_fast64_t generation = (atomic_load_explicit(&pool->word, memory_order_relaxed) >> 32) + 1;
    atomic_store(&pool->word, (uint_fast64_t)(generation << 32 | count));
    dms_wake_workers(pool);
    dms_work(pool, 0);
    dms_wait_for_finish(pool, count);
}

void dms_pool_run(dms_pool *pool, size_t count, dms_task task, void *info) {
    if (pool->worker_count == 0 || count <= 1) {
        for (size_t i = 0; i < count; ++i) task(info, i, 0);
        return;
    }
    for (size_t base = 0; base < count;) {
        uint32_t part = (uint32_t)DMS_MIN(count - base, (size_t)UINT32_MAX);
        dms_fork_join(pool, base, part, task, info);
        base += part;
    }
}

void dms_parallel(dms_context *context, size_t count, dms_task task, void *info) {
    dms_pool_run(context->pool, count, task, info);
}

// MARK: Life

static int dms_start_workers(dms_pool *pool, size_t count) {
    // Workers inherit a mask with everything blocked: signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = 0;
    for (size_t i = 0; i < count && !failed; ++i) {
        dms_worker *worker = &pool->workers[i];
        worker->pool = pool;
        worker->id = i + 1;
        failed = pthread_create(&worker->thread, NULL, dms_worker_main, worker);
        if (!failed) pool->worker_count = i + 1;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !failed;
}

dms_pool *dms_pool_new(int32_t threads) {
    dms_pool *pool = aligned_alloc(DMS_POOL_ALIGNMENT, dms_round_up(sizeof *pool, DMS_POOL_ALIGNMENT));
    if (!pool) return NULL;
    memset(pool, 0, sizeof *pool);
    pool->workers = calloc((size_t)threads, sizeof *pool->workers);
    if (!pool->workers) {
        free(pool);
        return NULL;
    }
    atomic_init(&pool->word, 0);
    atomic_init(&pool->finished, 0);
    atomic_init(&pool->sleepers, 0);
    atomic_init(&pool->caller_sleeps, 0);
    atomic_init(&pool->stopping, 0);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work_arrived, NULL);
    pthread_cond_init(&pool->job_finished, NULL);
    if (!dms_start_workers(pool, (size_t)threads - 1)) {
        dms_pool_free(pool);
        return NULL;
    }
    return pool;
}

void dms_pool_free(dms_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->stopping, 1);
    pthread_cond_broadcast(&pool->work_arrived);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->worker_count; ++i) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->job_finished);
    pthread_cond_destroy(&pool->work_arrived);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
}
