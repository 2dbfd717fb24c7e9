/*
 * Independent fused multiply-adds in vector registers: the most arithmetic that this machine does in float32.
 * A subject, as bench/subject.ts calls it, whose options are {"threads": N, "operations": M}: M in all threads together,
 * a multiply-add counted as two.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* The widest registers that the compiler may use, and as many sums as they hold beside the two operands: more than are
   under way at once, which is the latency of a multiply-add times the units that do it. */
#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64, SUMS = 24 };
#elif defined(__AVX__)
enum { VECTOR_BYTES = 32, SUMS = 12 };
#elif defined(__x86_64__) || defined(__i386__)
enum { VECTOR_BYTES = 16, SUMS = 12 };
#else
enum { VECTOR_BYTES = 16, SUMS = 24 };
#endif

typedef float vector __attribute__((vector_size(VECTOR_BYTES)));
enum { LANES = VECTOR_BYTES / sizeof(float) };

typedef struct {
  long turns;
  float seed;
  /* Of all sums: who reads it keeps the compiler from leaving the loop out. */
  float total;
} share;

static void *multiply_add(void *argument) {
  share *mine = argument;
  /* The sums stay between 0 and 1, where all numbers are normal ones. */
  vector factor, step, sums[SUMS];
  for (int lane = 0; lane < LANES; lane++) {
    factor[lane] = 0.999f - 1e-4f * mine->seed;
    step[lane] = 1e-4f * mine->seed;
    for (int i = 0; i < SUMS; i++) sums[i][lane] = mine->seed / (float)(1 + i + lane);
  }
  for (long turn = 0; turn < mine->turns; turn++) {
#pragma GCC unroll 32
    for (int i = 0; i < SUMS; i++) sums[i] = sums[i] * factor + step;
  }
  mine->total = 0;
  for (int i = 0; i < SUMS; i++)
    for (int lane = 0; lane < LANES; lane++) mine->total += sums[i][lane];
  return NULL;
}

static volatile float kept;

/* The work, once. */
static void work(int threads, long turns) {
  pthread_t *handles = calloc(threads, sizeof *handles);
  share *shares = calloc(threads, sizeof *shares);
  if (!handles || !shares) exit(1);
  for (int i = 0; i < threads; i++) {
    shares[i] = (share){.turns = turns, .seed = 1.0f / (float)(1 + i)};
    if (pthread_create(&handles[i], NULL, multiply_add, &shares[i])) {
      fprintf(stderr, "thread %d of %d could not be started\n", i + 1, threads);
      exit(1);
    }
  }
  for (int i = 0; i < threads; i++) {
    pthread_join(handles[i], NULL);
    kept = shares[i].total;
  }
  free(handles);
  free(shares);
}

static double milliseconds(int threads, long turns) {
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  work(threads, turns);
  clock_gettime(CLOCK_MONOTONIC, &end);
  return 1e3 * (double)(end.tv_sec - start.tv_sec) + 1e-6 * (double)(end.tv_nsec - start.tv_nsec);
}

/* The number that a flat JSON object has under a name. */
static double number(const char *json, const char *name) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":", name);
  const char *found = strstr(json, key);
  if (!found) {
    fprintf(stderr, "there is no %s in %s\n", name, json);
    exit(1);
  }
  return strtod(found + strlen(key), NULL);
}

int main(int count, char **arguments) {
  const char *options = arguments[count - 1];
  const int threads = (int)number(options, "threads");
  const long turns = (long)(number(options, "operations") / threads / (2.0 * SUMS * LANES));
  const double first = milliseconds(threads, turns);
  for (int i = 0; i < 2; i++) work(threads, turns);
  printf("{\"first\":%f,\"versions\":{\"compiler\":\"%s\",\"vectorBytes\":\"%d\"}}\n", first, __VERSION__, VECTOR_BYTES);
  fflush(stdout);
  for (char line[256]; fgets(line, sizeof line, stdin);) {
    printf("{\"times\":[");
    for (int i = 0, runs = (int)number(line, "runs"); i < runs; i++)
      printf("%s%f", i ? "," : "", milliseconds(threads, turns));
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
    const long unit = 1;
#else
    const long unit = 1024;
#endif
    printf("],\"peakBytes\":%ld}\n", usage.ru_maxrss * unit);
    fflush(stdout);
  }
}
