// What fit writes on stderr: a bar, one line an epoch, or nothing.
import type { SingleBar } from 'cli-progress';
import { type Logs, logsText } from './logs.js';

/** 'auto' (default): a bar where stderr is a terminal; 0 silent, 1 the bar, 2 one line an epoch. */
export type Verbose = 'auto' | 0 | 1 | 2;

/** How `fit` reports its progress. */
export interface Progress {
  beginEpoch(epoch: number, batches: number): void;
  /** Asks for the logs only when it shows them. */
  endBatch(batch: number, logs: () => Logs): void;
  endEpoch(logs: Logs): void;
  /** Also after a failure. */
  close(): void;
}

/** Chooses by `verbose`; loads cli-progress only if a bar will be drawn. */
export async function openProgress(verbose: Verbose, epochs: number): Promise<Progress> {
  const chosen = verbose === 'auto' ? (process.stderr.isTTY ? 1 : 0) : verbose;
  if (chosen === 0) return SILENT;
  if (chosen === 2) return new Lines(epochs);
  const { Presets, SingleBar } = await import('cli-progress');
  return new Bar(epochs, (format) => {
    const options = { format, stream: process.stderr, hideCursor: true, noTTYOutput: true };
    return new SingleBar(options, Presets.legacy);
  });
}

const SILENT: Progress = {
  beginEpoch() {},
  endBatch() {},
  endEpoch() {},
  close() {},
};

class Lines implements Progress {
  readonly #epochs: number;
  #epoch = 0;
  #start = 0;

  constructor(epochs: number) {
    this.#epochs = epochs;
  }

  beginEpoch(epoch: number): void {
    this.#epoch = epoch;
    this.#start = performance.now();
  }

  endBatch(): void {}

  endEpoch(logs: Logs): void {
    const seconds = ((performance.now() - this.#start) / 1000).toFixed(1);
    process.stderr.write(
      `Epoch ${this.#epoch + 1}/${this.#epochs} - ${seconds}s - ${logsText(logs)}\n`,
    );
  }

  close(): void {}
}

class Bar implements Progress {
  readonly #epochs: number;
  readonly #make: (format: string) => SingleBar;
  #bar: SingleBar | undefined;
  #shown = 0;

  constructor(epochs: number, make: (format: string) => SingleBar) {
    this.#epochs = epochs;
    this.#make = make;
  }

  beginEpoch(epoch: number, batches: number): void {
    this.#bar = this.#make(
      `Epoch ${epoch + 1}/${this.#epochs} [{bar}] {value}/{total} | ETA {eta_formatted} | {logs}`,
    );
    this.#bar.start(batches, 0, { logs: '' });
    this.#shown = 0;
  }

  endBatch(batch: number, logs: () => Logs): void {
    // The bar redraws ten times a second; logs are made no more often than that.
    const now = performance.now();
    if (now - this.#shown < 100) return;
    this.#shown = now;
    this.#bar?.update(batch + 1, { logs: logsText(logs()) });
  }

  endEpoch(logs: Logs): void {
    const bar = this.#bar;
    bar?.update(bar.getTotal(), { logs: logsText(logs) });
    this.close();
  }

  close(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
