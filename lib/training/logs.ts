import type { Compiled } from './compile.js';
import type { OutputPort } from './ports.js';

/** Loss and metrics by name, as callbacks and the history see them. */
export type Logs = Record<string, number>;

/**
 * Σ w·value and Σ w of losses and metrics over any number of batches, divided once at the end: partial
 * batches, masks, weights and accumulation all come out right.
 */
export class Sums {
  readonly #compiled: Compiled;
  readonly #outputs: readonly OutputPort[];
  #totals: Float64Array | undefined;

  constructor(compiled: Compiled, outputs: readonly OutputPort[]) {
    this.#compiled = compiled;
    this.#outputs = outputs;
  }

  /** Adds what one run answered, in the layout of binding.d.ts. */
  add(sums: Float64Array): void {
    this.#totals ??= new Float64Array(sums.length);
    for (let i = 0; i < sums.length; i++) {
      this.#totals[i] = (this.#totals[i] as number) + (sums[i] as number);
    }
  }

  /** The names in the order of Keras: loss, the outputs' losses, metrics. */
  logs(): Logs {
    const { outputs } = this.#compiled;
    const several = outputs.length > 1;
    const losses: Logs = {};
    const measured: Logs = {};
    let total = 0;
    let entry = 0;
    outputs.forEach(({ weight, metrics }, i) => {
      const prefix = several ? `${this.#outputs[i]?.name}_` : '';
      const loss = this.#mean(entry++);
      total += weight * loss;
      if (several) losses[`${prefix}loss`] = loss;
      for (const { name } of metrics) measured[`${prefix}${name}`] = this.#mean(entry++);
    });
    total += this.#mean(entry); // the penalties of regularizers
    return { loss: total, ...losses, ...measured };
  }

  /** Nothing that counts has a mean of 0, as in Keras. */
  #mean(entry: number): number {
    const weight = this.#totals?.[2 * entry + 1] ?? 0;
    return weight === 0 ? 0 : (this.#totals?.[2 * entry] ?? 0) / weight;
  }
}

/** The same logs as those of validation. */
export function validationLogs(logs: Logs): Logs {
  return Object.fromEntries(Object.entries(logs).map(([name, value]) => [`val_${name}`, value]));
}

/** `loss: 0.0123 - mae: 0.0456`, for people. */
export function logsText(logs: Logs): string {
  return Object.entries(logs)
    .map(([name, value]) => `${name}: ${formatNumber(value)}`)
    .join(' - ');
}

function formatNumber(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(3) : value.toFixed(4);
}
