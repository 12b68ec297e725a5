/* exec.c: runs the steps of a plan. The only parallel region of gdcore is here.
 *
 * All threads walk the same list of instructions; each takes its share of an instruction's units, and
 * all meet before the next that needs it. The executor knows function pointers, not what they compute.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <string.h>
#include <time.h>
#ifndef _WIN32
#include <pthread.h>
#endif

#include "exec.h"
#include "simd/fpstate.h"
#include "threads.h"

static double now(void) {
  struct timespec t;
#ifdef _MSC_VER
  timespec_get(&t, TIME_UTC);
#else
  clock_gettime(CLOCK_MONOTONIC, &t);
#endif
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#ifndef _OPENMP
static int begin_call(int wanted) { return (void)wanted, 1; }
static void end_call(void) {}
#else
/* Calls under way in this process share the threads that each of them may have: two models that are
 * trained at once on two cores take one each. */
static int calls;

static int share(int wanted) {
  const int threads = wanted / __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
  return threads > 1 ? threads : 1;
}
static void end_call(void) { __atomic_sub_fetch(&calls, 1, __ATOMIC_RELAXED); }
#ifdef _WIN32
static int begin_call(int wanted) { return share(wanted); } /* there is no fork */
#else
/* A forked child has none of its parent's calls and worker threads; OpenMP would wait for the latter, so
 * that it runs on one if there ever were any. */
static int watching, started, forked;

static void after_fork(void) {
  __atomic_store_n(&calls, 0, __ATOMIC_RELAXED);
  if (__atomic_load_n(&started, __ATOMIC_RELAXED)) __atomic_store_n(&forked, 1, __ATOMIC_RELAXED);
}

static int begin_call(int wanted) {
  if (!__atomic_exchange_n(&watching, 1, __ATOMIC_RELAXED)) pthread_atfork(NULL, NULL, after_fork);
  const int threads = share(wanted);
  if (threads == 1 || __atomic_load_n(&forked, __ATOMIC_RELAXED)) return 1;
  __atomic_store_n(&started, 1, __ATOMIC_RELAXED);
  return threads;
}
#endif
#endif

/* Signals are polled within a long step, so that Ctrl-C is handled soon: after every GD_PIECE operations of a
 * thread (some 50 ms where it is slowest) and at most once in GD_ASK seconds. */
#define GD_PIECE 500000000
#define GD_ASK 0.1

/* What the threads of one call share. */
typedef struct {
  gd_job *job;
  gd_barrier_state barrier;
  int32_t status;
  int32_t leave; /* 1 + the number of the instruction after which all leave the step; 0: none */
  int64_t done;
  int64_t unasked; /* work since the clock was looked at */
  double asked;
} team;

/* By one thread, after so much work within an instruction that may be the last of its step. */
static void listen(team *t, int instruction, int64_t work) {
  if (!t->job->heard || t->leave) return;
  t->unasked += work;
  if (t->unasked < GD_PIECE / 4) return;
  t->unasked = 0;
  const double time = now();
  if (time < t->asked + GD_ASK) return;
  t->asked = time;
  if (t->job->heard(t->job->listener)) __atomic_store_n(&t->leave, instruction + 1, __ATOMIC_RELAXED);
}

/* What a kernel asks within a long unit: a team, and which of its threads at which instruction. */
typedef struct { team *team; int instruction, id; } poller;

static int poll_within(void *at, int64_t work) {
  const poller *p = at;
  if (p->id == 0) listen(p->team, p->instruction, work);
  return __atomic_load_n(&p->team->leave, __ATOMIC_RELAXED) != 0;
}

/* One thread's units of an instruction. A long one that may be left, and does not poll by itself, is run in pieces,
 * which cost some packing anew: the first is small, and its time says how many units a piece should have. */
static void take_share(team *t, const gd_run *run, int instruction, int may_leave, int id, int threads) {
  const gd_ins *ins = &t->job->plan->ins[instruction];
  int64_t lo = 0, hi = ins->op->units(ins, run->batch), work = ins->work.fixed + ins->work.per_row * run->batch;
  if (threads > 1) { /* on one, three divisions less: 2 % of a step of 14 small instructions */
    lo = hi * id / threads, hi = hi * (id + 1) / threads;
    work /= threads;
  }
  if (lo == hi) return;
  if (!may_leave || work <= GD_PIECE || (ins->op->polls && ins->op->polls(ins))) {
    ins->op->kernel(ins, run, lo, hi);
    if (may_leave && id == 0) listen(t, instruction, work);
    return;
  }
  double piece = (double)(hi - lo) * GD_PIECE / (double)work, before = now();
  while (lo < hi && !__atomic_load_n(&t->leave, __ATOMIC_RELAXED)) {
    const int64_t end = piece < 1 ? lo + 1 : piece < (double)(hi - lo) ? lo + (int64_t)piece : hi;
    ins->op->kernel(ins, run, lo, end);
    lo = end;
    if (id == 0) listen(t, instruction, GD_PIECE);
    const double time = now();
    piece *= GD_ASK / (time > before + GD_ASK / 32 ? time - before : GD_ASK / 32);
    before = time;
  }
}

/* Instructions [from, to) of a step: every thread takes its share of each, and all meet after the last and wherever
 * the plan says so; where times are measured after each. Returns whether they left. */
static int run_instructions(team *t, const gd_run *run, int from, int to, int may_leave, int id, int threads) {
  double *spent = id == 0 ? t->job->spent : NULL;
  double last = spent ? now() : 0;
  const uint8_t *meet = t->job->spent ? NULL : t->job->plan->meet;
  for (int i = from; i < to; ++i) {
    ((poller *)run->poller)->instruction = i;
    take_share(t, run, i, may_leave, id, threads);
    if (meet && !meet[i] && i + 1 < to) continue;
    gd_barrier(&t->barrier, threads);
    if (spent) {
      const double time = now();
      spent[i] += time - last;
      last = time;
    }
    if (may_leave) { /* a faster neighbour may have set it for the next instruction: that is not now */
      const int32_t leave = __atomic_load_n(&t->leave, __ATOMIC_RELAXED);
      if (leave && leave <= i + 1) return 1;
    }
  }
  return 0;
}

static void stage_share(const gd_job *job, int64_t first, int64_t batch, int id, int threads) {
  const int64_t lo = batch * id / threads, hi = batch * (id + 1) / threads;
  for (int i = 0; i < job->n_feeds; ++i)
    if (job->feeds[i].stage == job->base[job->feeds[i].buffer])
      gd_stage(&job->feeds[i], job->order, first, lo, hi, job->plan->bits);
}

static double read_loss(const gd_job *job) {
  const char *at = job->base[job->loss.buffer] + job->loss.offset;
  return job->plan->bits == 32 ? (double)*(const float *)at : *(const double *)at;
}

/* By one thread, before a step: this step's inputs and numbers. */
static void open_step(gd_job *job, int64_t s, int64_t first) {
  const gd_plan *plan = job->plan;
  for (int i = 0; i < job->n_feeds; ++i) {
    const gd_feed *f = &job->feeds[i];
    if (!gd_in_place(f, job->order, plan->bits)) job->base[f->buffer] = f->stage;
    else job->base[f->buffer] = (char *)f->data + first * f->row * (f->type == GD_INT32 || plan->bits == 32 ? 4 : 8);
  }
  if (job->hyper) memcpy(job->base[job->hyper_buffer], job->hyper + s * job->hyper_bytes, (size_t)job->hyper_bytes);
  if (plan->flag_buffer >= 0) *(int32_t *)(job->base[plan->flag_buffer] + plan->flag_offset) = 1;
}

/* By one thread, after the computation: keeps the outputs and says whether all is finite. */
static int close_step(gd_job *job, int64_t s, int64_t first, int64_t batch) {
  const gd_plan *plan = job->plan;
  int finite = plan->flag_buffer < 0 || *(int32_t *)(job->base[plan->flag_buffer] + plan->flag_offset);
  if (job->loss.buffer >= 0) {
    job->losses[s] = read_loss(job);
    finite &= isfinite(job->losses[s]) || plan->flag_buffer < 0;
  }
  for (int i = 0; i < job->n_taps; ++i) {
    const gd_tap *tap = &job->taps[i];
    memcpy(tap->to + (first - job->first * job->batch) * tap->row_bytes,
           job->base[tap->from.buffer] + tap->from.offset, (size_t)(batch * tap->row_bytes));
  }
  return finite;
}

static void run_thread(team *t, int id, int threads) {
  gd_job *job = t->job;
  const gd_plan *plan = job->plan;
  const double deadline = now() + job->seconds;
  const gd_fpstate fpstate = gd_flush_subnormals();
  for (int64_t s = 0; s < job->steps; ++s) {
    const int64_t first = (job->first + s) * job->batch;
    const int64_t batch = gd_min(job->batch, job->rows - first);
    if (id == 0) open_step(job, s, first);
    gd_barrier(&t->barrier, threads);
    poller asked = {t, 0, id};
    gd_run run = {job->base, job->scratch + (int64_t)id * plan->scratch, batch, job->seed, job->counter + (uint64_t)s, poll_within, &asked};
    stage_share(job, first, batch, id, threads);
    gd_barrier(&t->barrier, threads);
    int left = run_instructions(t, &run, 0, plan->n_gradients, 1, id, threads);
    if (!left && job->exchange) {
      if (id == 0 && job->exchange(job->listener)) t->status = GD_LEFT;
      gd_barrier(&t->barrier, threads);
      left = t->status == GD_LEFT;
    }
    if (left || run_instructions(t, &run, plan->n_gradients, plan->n_compute, 1, id, threads)) {
      if (id == 0) t->status = GD_LEFT;
      break;
    }
    if (id == 0) {
      if (!close_step(job, s, first, batch)) t->status = GD_NOT_FINITE;
      else if (s + 1 < job->steps && now() > deadline) t->status = GD_PAUSED;
    }
    gd_barrier(&t->barrier, threads);
    if (t->status == GD_NOT_FINITE) break;
    const int pause = t->status == GD_PAUSED;
    run.poll = NULL; /* what has begun to update is finished */
    run_instructions(t, &run, plan->n_compute, plan->n_ins, 0, id, threads);
    if (id == 0) t->done = s + 1;
    if (pause) break;
  }
  gd_restore_fpstate(fpstate);
}

int gd_openmp_threads(void) { return gd_most_threads(); }

int64_t gd_run_job(gd_job *job, int32_t *status) {
  team t = {.job = job, .asked = now()};
  const int threads = begin_call(job->threads);
  if (threads == 1) run_thread(&t, 0, 1);
  else {
    GD_PARALLEL(threads)
    run_thread(&t, gd_thread_id(), gd_thread_count());
  }
  end_call();
  *status = t.status;
  return t.done;
}
