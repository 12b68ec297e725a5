/* openmp_by_pthreads.c: what GCC's OpenMP offers to csrc/threads.h, made of plain threads.
 *
 * ThreadSanitizer knows what pthread_create and pthread_join order; libgomp was not built with it, and
 * would make every use of it look like a race. Linked into the extension in libgomp's place, this leaves
 * all that is gdcore's own, its barrier and its shares of the work, as it is: see .ci/sanitize-threads.
 */
#include <pthread.h>
#include <stdlib.h>

enum { MOST = 64 };

typedef struct {
  void (*work)(void *);
  void *data;
  int id, count;
} place;

static __thread place here = {0, 0, 0, 1};

static void *begin(void *at) {
  here = *(place *)at;
  here.work(here.data);
  return NULL;
}

/* GCC makes one call of this of `#pragma omp parallel num_threads(count)`. */
void GOMP_parallel(void (*work)(void *), void *data, unsigned count, unsigned flags) {
  (void)flags;
  if (count < 1 || count > MOST) abort();
  pthread_t threads[MOST];
  place places[MOST];
  for (unsigned i = 1; i < count; ++i) {
    places[i] = (place){work, data, (int)i, (int)count};
    if (pthread_create(&threads[i], NULL, begin, &places[i])) abort();
  }
  const place before = here;
  here = (place){work, data, 0, (int)count};
  work(data);
  here = before;
  for (unsigned i = 1; i < count; ++i) pthread_join(threads[i], NULL);
}

int omp_get_thread_num(void) { return here.id; }
int omp_get_num_threads(void) { return here.count; }
int omp_get_max_threads(void) { return 1; }
