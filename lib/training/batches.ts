// How rows get to the addon and results back: in slices, so that JavaScript's thread is never held for
// long, and through two buffers that alternate, so that one is filled while the other is run.
import { setImmediate } from 'node:timers/promises';
import { type Batch, type NativeModel, native, type RunResult } from '../native.js';
import { checkColumn, type Rows } from './data.js';
import { type Device, resolveDevice } from './device.js';
import type { Settings } from './settings.js';

/** What is copied before the event loop gets its turn. */
const SLICE_BYTES = 1 << 20;

/** A range of rows [from, to). */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Copying in slices of at most 1 MiB, between which the event loop gets its turn. */
class Slices {
  #copied = 0;

  /** Ranges of rows, each small enough for one slice. */
  *of(rows: number, rowBytes: number): Generator<{ first: number; count: number }> {
    const most = Math.max(1, Math.floor(SLICE_BYTES / Math.max(1, rowBytes)));
    for (let first = 0; first < rows; first += most) {
      yield { first, count: Math.min(most, rows - first) };
    }
  }

  /** To be awaited before so many bytes are copied; undefined where they fit into this turn. */
  turn(bytes: number): Promise<void> | undefined {
    const isFull = this.#copied > 0 && this.#copied + bytes > SLICE_BYTES;
    this.#copied = isFull ? bytes : this.#copied + bytes;
    return isFull ? setImmediate() : undefined;
  }
}

/** Fills batches from columns of rows. */
export class BatchSource {
  readonly #engine: NativeModel;
  readonly #rows: Rows;
  readonly #device: string | undefined;
  readonly #rowBytes: readonly number[];
  /** By turn and number of rows: whole batches and the last, smaller one, twice each. */
  readonly #batches = new Map<string, Batch>();

  private constructor(engine: NativeModel, rows: Rows, device: string | undefined) {
    this.#engine = engine;
    this.#rows = rows;
    this.#device = device;
    this.#rowBytes = rows.columns.map(
      ({ slot, data }) =>
        slot.shape.reduce((product, extent) => product * extent, 1) * data.BYTES_PER_ELEMENT,
    );
  }

  /**
   * Hands a source to `work` and frees its batches when that has settled. `device`: where they will run,
   * for work of many batches: on a GPU it pays then to bring each one there while another one runs.
   */
  static async use<T>(
    engine: NativeModel,
    rows: Rows,
    device: Device | null,
    work: (source: BatchSource) => Promise<T>,
  ): Promise<T> {
    const source = new BatchSource(
      engine,
      rows,
      device === null ? undefined : resolveDevice(device),
    );
    try {
      return await work(source);
    } finally {
      // Not left to the garbage collector, which does not see how much memory waits for it.
      for (const batch of source.#batches.values()) batch.dispose();
    }
  }

  /**
   * The batch of rows [first, first + count): of the data, or of `order` where there is one. Batches of
   * even and odd turns are different memory. Up to 1 MiB is copied before the call returns. Where it
   * will run on a GPU, it is on its way there when the promise settles.
   */
  async fill(turn: number, order: Int32Array | null, first: number, count: number): Promise<Batch> {
    const batch = this.#take(turn % 2, count);
    const slices = new Slices();
    for (const [slot, column] of this.#rows.columns.entries()) {
      const rowBytes = this.#rowBytes[slot] ?? 0;
      for (const slice of slices.of(count, rowBytes)) {
        const wait = slices.turn(slice.count * rowBytes);
        if (wait) await wait;
        checkColumn(column, this.#rows.count);
        const from = first + slice.first;
        native(() => batch.gather(slot, column.data, order, from, slice.first, slice.count));
      }
    }
    native(() => batch.upload());
    return batch;
  }

  #take(parity: number, count: number): Batch {
    const key = `${parity}/${count}`;
    let batch = this.#batches.get(key);
    if (!batch) {
      const slots = this.#rows.columns.map((column) => column.slot);
      batch = native((addon) => new addon.Batch(this.#engine, count, slots, this.#device));
      this.#batches.set(key, batch);
    }
    return batch;
  }
}

/** For {@link BatchSource.use}: null where there is but one batch. */
export function deviceOfMany(
  { device }: Pick<Settings, 'device'>,
  rows: Rows,
  batchSize: number,
): Device | null {
  return rows.count > batchSize ? device : null;
}

/** Copies output number `output` of a batch that has run to rows from `targetRow` on. */
export async function scatter(
  batch: Batch,
  output: number,
  target: Float32Array,
  targetRow: number,
): Promise<void> {
  const rowBytes =
    batch
      .outputShape(output)
      .slice(1)
      .reduce((product, extent) => product * extent, 1) * Float32Array.BYTES_PER_ELEMENT;
  const slices = new Slices();
  for (const { first, count } of slices.of(batch.rows, rowBytes)) {
    const wait = slices.turn(count * rowBytes);
    if (wait) await wait;
    native(() => batch.scatter(output, target, targetRow, first, count));
  }
}

/**
 * Runs a range batch by batch in order. While a batch runs the next one is filled, and while that one
 * runs the results of the first are consumed.
 */
export async function runInOrder(
  source: BatchSource,
  range: Range,
  batchSize: number,
  run: (batch: Batch) => Promise<RunResult>,
  consume: (batch: Batch, result: RunResult, first: number) => void | Promise<void>,
): Promise<void> {
  const fill = (turn: number) => {
    const first = range.from + turn * batchSize;
    return source.fill(turn, null, first, Math.min(batchSize, range.to - first));
  };
  const turns = Math.ceil((range.to - range.from) / batchSize);
  if (turns === 0) return;
  let batch = await fill(0);
  let running = quiet(run(batch));
  try {
    for (let turn = 0; turn < turns; turn++) {
      const next = turn + 1 < turns ? await fill(turn + 1) : undefined;
      const result = await running;
      const finished = batch;
      if (next) {
        batch = next;
        running = quiet(run(batch));
      }
      await consume(finished, result, range.from + turn * batchSize);
    }
  } finally {
    // After a failure elsewhere the run still reads its batch: settle only once it has ended.
    await Promise.allSettled([running]);
  }
}

/** A promise that may reject before anybody awaits it. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
