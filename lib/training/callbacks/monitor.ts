import { SluiceError } from '../../errors.js';
import { number, oneOf, text, withDefault } from '../../layers/options.js';
import type { Logs } from '../logs.js';
import type { TrainingModel } from './callback.js';

/** Options of callbacks that watch one value. */
export interface MonitorOptions {
  /** Name in the logs; default 'val_loss'. */
  monitor?: string;
  /** What counts as better; 'auto' (default) is 'max' for accuracies, else 'min'. */
  mode?: 'auto' | 'min' | 'max';
  /** By how much a value has to be better. */
  minDelta?: number;
}

/** How {@link MonitorOptions} are checked. */
export function monitorFields(minDelta: number) {
  return {
    monitor: withDefault(text(), 'val_loss'),
    mode: withDefault(oneOf('auto', 'min', 'max'), 'auto'),
    minDelta: withDefault(number({ min: 0 }), minDelta),
  };
}

/** Reads one value from the logs and compares it. */
export class Monitor {
  readonly #name: string;
  readonly #sign: 1 | -1;
  readonly #minDelta: number;

  constructor(options: { monitor: string; mode: 'auto' | 'min' | 'max'; minDelta: number }) {
    this.#name = options.monitor;
    const rises =
      options.mode === 'auto' ? /acc(uracy)?$/i.test(this.#name) : options.mode === 'max';
    this.#sign = rises ? 1 : -1;
    this.#minDelta = options.minDelta;
  }

  /** CONFIG where this training has no such value. */
  check(where: string, model: TrainingModel): void {
    if (model.logNames.includes(this.#name)) return;
    const hint = this.#name.startsWith('val_')
      ? '; it needs validationData or validationSplit'
      : '';
    throw new SluiceError(
      'CONFIG',
      `${where}: this training has no '${this.#name}' to monitor, it has ${model.logNames.join(', ')}${hint}`,
      { option: 'monitor', expected: model.logNames.join(', '), received: this.#name },
    );
  }

  /** Undefined in epochs without it, such as those without validation. */
  read(logs: Logs): number | undefined {
    return logs[this.#name];
  }

  isBetter(value: number, reference: number | undefined): boolean {
    if (reference === undefined) return !Number.isNaN(value);
    return this.#sign * (value - reference) > this.#minDelta;
  }
}
