/* scan.c: a loop over steps, in blocks of rows: each thread takes blocks, and goes through all steps of one
 * before the next, for rows do not depend on one another.
 *
 *   carry = first;  for t in 0 ... steps - 1 (or backwards):  run the body on carry and element t
 *
 * A body's instructions are ordinary ones, run with all their units over the rows of a block. Its buffers:
 * 0 its arena and 1 its slots (carries, what is moved), both in the block's part of the workspace, then its constants,
 * then values from outside as they lie: those that are the same at all steps, and sequences that are read or written where
 * they are, from the block's first sample and the step at hand on.
 *
 *   ref   outputs and inputs in any order, as the moves name them; constants, values from outside, workspace last
 *   dim   B, the samples; a loop without any runs over one
 *   attr  steps, backwards, samples in a block, number of buffers, bytes of a block's workspace, where in it the
 *         slots begin, number of moves, then for each move: when, operand, buffer (0 or 1), byte offset in it,
 *         bytes of one row, rows of a sample (0: one row for all samples), bytes from row to row, bytes from
 *         step to step. A move between a block and itself has, instead of the last four, the bytes of a sample,
 *         those that do not grow with it, and the buffer and offset it comes from. Then for each buffer from 2 on: bytes
 *         from sample to sample and from step to step, 0 for what is the same everywhere.
 */
#include <string.h>

#include "../ops.h"

enum { STEPS, BACKWARDS, SAMPLES, BUFFERS, BLOCK_BYTES, SLOTS, MOVES, HEAD };
enum { WHEN, OPERAND, BUFFER, OFFSET, BYTES, ROWS, ROW_STRIDE, STEP_STRIDE, MOVE };
enum { FIRST, BEFORE, KEEP, AFTER, CARRY, LAST }; /* before all steps, in; each step: in, out, body, out, within; out */

int64_t GD_NAME(gd_scan_units)(const gd_ins *ins, int64_t batch) {
  return gd_ceil_div(gd_size(ins->dim[0], batch), ins->attr[SAMPLES]);
}

/* Of buffer 2 + i: bytes from sample to sample, and from step to step. */
static const int64_t *strides_of(const gd_ins *ins, int64_t i) { return ins->attr + HEAD + MOVE * ins->attr[MOVES] + 2 * i; }

/* Buffers of a body that are the same at all steps. */
static uint64_t steady(const gd_ins *ins) {
  uint64_t found = 0;
  for (int64_t i = 2; i < ins->attr[BUFFERS]; ++i) {
    const int64_t *by = strides_of(ins, i - 2);
    found |= (uint64_t)(!by[0] && !by[1]) << i;
  }
  return found;
}

/* Bytes of what an instruction of the body packs before the first step. A packing pays from a few steps on. */
static int64_t packed_of(const gd_ins *ins, const gd_ins *step, uint64_t same) {
  return step->op->packed && ins->attr[STEPS] > 2 && ins->attr[SAMPLES] > 2 ? step->op->packed(step, same) : 0;
}

/* Bytes of a number for each instruction of the body: what it has packed. */
static int64_t table_of(const gd_ins *ins) { return gd_ceil_div(ins->n_body * (int64_t)sizeof(int64_t), 64) * 64; }

int64_t GD_NAME(gd_scan_scratch)(const gd_ins *ins) {
  const uint64_t same = steady(ins);
  int64_t most = 0, packed = 0;
  for (int32_t i = 0; i < ins->n_body; ++i) {
    if (ins->body[i].op->scratch) most = gd_max(most, ins->body[i].op->scratch(&ins->body[i]));
    packed += packed_of(ins, &ins->body[i], same);
  }
  return table_of(ins) + most + packed;
}

/* The moves of one kind, for `samples` from number `first` on, at step t. */
static void move(const gd_ins *ins, const gd_run *run, char *const *own, int when, int64_t first, int64_t samples, int64_t t) {
  const int64_t *m = ins->attr + HEAD;
  for (int64_t i = 0; i < ins->attr[MOVES]; ++i, m += MOVE) {
    if (m[WHEN] != when) continue;
    char *local = own[m[BUFFER]] + m[OFFSET];
    if (when == CARRY) {
      memmove(local, own[m[ROW_STRIDE]] + m[STEP_STRIDE], (size_t)(m[BYTES] * samples + m[ROWS]));
      continue;
    }
    const int64_t bytes = m[BYTES], rows = m[ROWS] ? m[ROWS] * samples : 1;
    char *outer = gd_at(run, ins, (int)m[OPERAND]) + m[ROWS] * first * m[ROW_STRIDE] + t * m[STEP_STRIDE];
    const int in = when == FIRST || when == BEFORE;
    if (!in && !m[ROWS] && first) continue; /* all blocks have the same */
    for (int64_t r = 0; r < rows; ++r) {
      if (in) memcpy(local + r * bytes, outer + r * m[ROW_STRIDE], (size_t)bytes);
      else memcpy(outer + r * m[ROW_STRIDE], local + r * bytes, (size_t)bytes);
    }
  }
}

/* Operations of one step. */
static int64_t work_of(const gd_ins *ins, int64_t samples) {
  int64_t work = 0;
  for (int32_t i = 0; i < ins->n_body; ++i) work += gd_size(ins->body[i].work, samples);
  return work;
}

int GD_NAME(gd_scan_polls)(const gd_ins *ins) { return (void)ins, 1; }

void GD_NAME(gd_scan)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t *attr = ins->attr, batch = gd_size(ins->dim[0], run->batch);
  const int64_t outside = attr[BUFFERS] - 2, from = ins->n_ref - 1 - outside;
  const uint64_t same = steady(ins);
  char *own[GD_LOOP_BUFFERS];
  for (int64_t i = 0; i < outside; ++i) own[2 + i] = gd_at(run, ins, (int)(from + i));
  gd_run inner = *run;
  inner.base = own;
  int64_t *bytes = (int64_t *)run->scratch;
  char *const packs = inner.scratch += table_of(ins);
  for (int32_t i = 0; i < ins->n_body; ++i) {
    bytes[i] = packed_of(ins, &ins->body[i], same);
    if (bytes[i]) ins->body[i].op->pack(&ins->body[i], &inner, inner.scratch);
    inner.scratch += bytes[i];
  }
  for (int64_t u = lo; u < hi; ++u) {
    const int64_t first = u * attr[SAMPLES], samples = gd_min(attr[SAMPLES], batch - first);
    own[0] = gd_at(run, ins, ins->n_ref - 1) + u * attr[BLOCK_BYTES];
    own[1] = own[0] + attr[SLOTS];
    inner.batch = samples;
    move(ins, run, own, FIRST, first, samples, 0);
    for (int64_t s = 0; s < attr[STEPS]; ++s) {
      const int64_t t = attr[BACKWARDS] ? attr[STEPS] - 1 - s : s;
      for (int64_t i = 0; i < outside; ++i)
        own[2 + i] = gd_at(run, ins, (int)(from + i)) + first * strides_of(ins, i)[0] + t * strides_of(ins, i)[1];
      move(ins, run, own, BEFORE, first, samples, t);
      move(ins, run, own, KEEP, first, samples, t);
      const char *packed = packs;
      for (int32_t i = 0; i < ins->n_body; ++i) {
        const gd_ins *step = &ins->body[i];
        inner.packed = bytes[i] ? packed : NULL;
        packed += bytes[i];
        step->op->kernel(step, &inner, 0, step->op->units(step, samples));
      }
      move(ins, run, own, AFTER, first, samples, t);
      move(ins, run, own, CARRY, first, samples, t);
      if (run->poll && run->poll(run->poller, work_of(ins, samples))) return;
    }
    move(ins, run, own, LAST, first, samples, 0);
  }
}
