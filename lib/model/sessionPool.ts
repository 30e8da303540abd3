import { invalid } from '../errors.js';
import { integer, parseOptions } from '../layers/options.js';
import { type NativeSessionPool, native, toSluiceError } from '../native.js';
import type { ModelCore } from './core.js';
import { floatsOf, STREAM_WEIGHTS, type StreamWeights } from './session.js';
import { layoutOf, type SessionSnapshot, snapshotOf, stateOf } from './sessionSnapshot.js';

/** Options of `model.sessions`. */
export interface SessionPoolOptions {
  /** The most sessions that are open at a time, 1 to 2^31 - 1: the memory of all is taken at once. */
  capacity: number;
  /** Default 'float32'. */
  weights?: StreamWeights;
}

const FIELDS = {
  capacity: integer(1, 2 ** 31 - 1),
  weights: STREAM_WEIGHTS,
};

/**
 * Many live sequences, one for each user or device, as numbered slots in one piece of native memory.
 * `step` takes one step of any of them together, so that the weights are read once for a group and not
 * once for each. Synchronous, on the calling thread alone. It sees the weights of the last finished
 * training step. What a session answers does not depend on who is stepped beside it: the results are
 * those of `model.stream` with the same `weights`, bit for bit.
 *
 * @example
 * const pool = m.sessions({ capacity: 100_000 });
 * const [a, b] = [pool.open(), pool.open()];
 * const y = pool.step(Int32Array.of(a, b), Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)); // [2, outputs]
 * pool.close(a);
 */
export class SessionPool {
  readonly #native: NativeSessionPool;
  readonly #inputSize: number;
  readonly #outputSize: number;
  readonly #layout: SessionSnapshot['layout'];
  readonly #name: string;
  /** The most sessions that are open at a time. */
  readonly capacity: number;

  /** @internal Use `model.sessions`. */
  constructor(core: ModelCore, options: SessionPoolOptions) {
    const { capacity, weights } = parseOptions('sessions', FIELDS, options);
    this.#native = native((addon) => new addon.SessionPool(core.engine, capacity, weights));
    this.#inputSize = native(() => this.#native.inputSize);
    this.#outputSize = native(() => this.#native.outputSize);
    this.#layout = layoutOf(core);
    this.#name = core.name;
    this.capacity = capacity;
  }

  /** How many sessions are open. */
  get size(): number {
    return native(() => this.#native.size);
  }

  /**
   * A new session: the number of its slot, 0 to `capacity` - 1. Numbers of closed slots come again.
   * @param snapshot of a session of the same model, to go on from; default: all states zero, or what
   * `initialState: 'learned'` has learned so far
   * @throws SluiceError BUSY when `capacity` sessions are open; SHAPE_MISMATCH for a snapshot of another
   * model, INVALID_ARGUMENT for what is none; DISPOSED
   */
  open(snapshot?: SessionSnapshot): number {
    const state =
      snapshot === undefined ? null : stateOf(snapshot, this.#layout, 'snapshot', 'open');
    return native(() => this.#native.open(state));
  }

  /**
   * Takes one step of each of these sessions.
   * @param slots open slots in any order, none of them twice
   * @param xs [slots.length, features]: row i is the step of `slots[i]`
   * @param out [slots.length, outputs], written and returned; default: fresh memory. It may be `xs`
   * @throws SluiceError INVALID_ARGUMENT for a slot that is not open or comes twice, and for a wrong size or
   * type: then nothing has changed; DISPOSED
   */
  step(slots: Int32Array, xs: Float32Array, out?: Float32Array): Float32Array {
    if (!(slots instanceof Int32Array)) {
      throw invalid('slots', 'an Int32Array', slots, this.#name);
    }
    const count = slots.length;
    const input = floatsOf(xs, count * this.#inputSize, 'xs', this.#name);
    const size = count * this.#outputSize;
    const output =
      out === undefined ? new Float32Array(size) : floatsOf(out, size, 'out', this.#name);
    // No closure here: a step of few sessions takes microseconds.
    try {
      this.#native.step(slots, input, output);
    } catch (error) {
      throw toSluiceError(error);
    }
    return output;
  }

  /**
   * The state of a session as plain data, for `open` and for `model.stream({ restore })`.
   * @throws SluiceError INVALID_ARGUMENT for a slot that is not open, DISPOSED
   */
  snapshot(slot: number): SessionSnapshot {
    const number = this.#slot(slot);
    return snapshotOf(
      this.#layout,
      native(() => this.#native.getState(number)),
    );
  }

  /**
   * Ends a session and frees its slot for another.
   * @throws SluiceError INVALID_ARGUMENT for a slot that is not open, DISPOSED
   */
  close(slot: number): void {
    const number = this.#slot(slot);
    native(() => this.#native.close(number));
  }

  /** Frees the memory of all sessions; later calls throw DISPOSED. */
  dispose(): void {
    native(() => this.#native.dispose());
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #slot(value: unknown): number {
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw invalid('slot', 'the number of an open slot', value, this.#name);
  }
}
