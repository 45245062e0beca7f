// What the files of the NEON test share: two instruction sets' contexts, random memory and comparisons.
#ifndef NEON_TEST_H
#define NEON_TEST_H

#include "dms_kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern dms_context *portable, *neon, *neon_threads;
extern int failures;

void *memory(size_t bytes);
// `count` floats in -scale ..< scale.
float *floats(size_t count, float scale);
// `count` random elements of a type.
void *elements(dms_dtype type, size_t count, float scale);
void fail(const char *what, const char *shape);
// Relative to the largest expected value, as sums of both signs cancel.
void expect_near(const char *what, const char *shape, const float *a, const float *b, size_t count, float tolerance);
// The same of sums whose terms are as large as `largest_term`, whatever is left when they cancel.
void expect_near_terms(const char *what, const char *shape, const float *a, const float *b, size_t count, float tolerance,
                       float largest_term);
void expect_equal(const char *what, const char *shape, const void *a, const void *b, size_t bytes);
void report(const char *what, int before);

// neon_training.c, neon_linear.c, neon_grouped.c
void test_training(void);
void test_linear(void);
void test_grouped(void);

#endif
