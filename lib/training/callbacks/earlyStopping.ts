import {
  boolean,
  integer,
  number,
  optional,
  parseOptions,
  withDefault,
} from '../../layers/options.js';
import type { Callback, Weights } from './callback.js';
import { Monitor, type MonitorOptions, monitorFields } from './monitor.js';

/** Options of {@link earlyStopping}, with Keras' defaults. */
export interface EarlyStoppingOptions extends MonitorOptions {
  /** Epochs without improvement before training ends; default 0. */
  patience?: number;
  /** At the end, put back the weights of the best epoch; default false. */
  restoreBest?: boolean;
  /** A value that has to be beaten for an epoch to count as progress. */
  baseline?: number;
  /** Epochs before this one are not looked at; default 0. */
  startFromEpoch?: number;
}

const FIELDS = {
  ...monitorFields(0),
  patience: withDefault(integer(0), 0),
  restoreBest: withDefault(boolean(), false),
  baseline: optional(number()),
  startFromEpoch: withDefault(integer(0), 0),
};

/**
 * Ends training when a value has stopped improving, by the rules of Keras' EarlyStopping.
 *
 * @throws SluiceError CONFIG from `fit` where the value that is monitored does not exist
 *
 * @example
 * await m.fit(x, y, {
 *   validationSplit: 0.1,
 *   callbacks: [callbacks.earlyStopping({ patience: 5, restoreBest: true })],
 * });
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  const where = 'callbacks.earlyStopping';
  const parsed = parseOptions(where, FIELDS, options);
  const monitor = new Monitor(parsed);
  let best: number | undefined;
  let bestWeights: Weights | undefined;
  let wait = 0;
  return {
    onTrainBegin(_logs, model) {
      monitor.check(where, model);
      best = undefined;
      bestWeights = undefined;
      wait = 0;
    },
    onEpochEnd(epoch, logs, model) {
      const value = monitor.read(logs);
      if (value === undefined || epoch < parsed.startFromEpoch) return;
      const isBest = monitor.isBetter(value, best);
      if (isBest) best = value;
      // An epoch that does not beat the baseline may still be the best there is.
      if (parsed.restoreBest && (isBest || !bestWeights)) bestWeights = model.getWeights();
      if (isBest && monitor.isBetter(value, parsed.baseline)) {
        wait = 0;
      } else if (++wait >= parsed.patience && epoch > 0) {
        model.stopTraining = true;
      }
    },
    onTrainEnd(_logs, model) {
      if (bestWeights) model.setWeights(bestWeights);
      bestWeights = undefined;
    },
  };
}
