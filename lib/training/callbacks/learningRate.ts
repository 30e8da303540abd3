import { invalid } from '../../errors.js';
import { integer, number, parseOptions, withDefault } from '../../layers/options.js';
import type { Callback } from './callback.js';
import { Monitor, type MonitorOptions, monitorFields } from './monitor.js';

/** Options of {@link reduceLROnPlateau}, with Keras' defaults. */
export interface ReduceLROnPlateauOptions extends MonitorOptions {
  /** The rate is multiplied with it; above 0 and below 1, default 0.1. */
  factor?: number;
  /** Epochs without improvement before the rate is reduced; default 10. */
  patience?: number;
  /** Epochs after a reduction in which nothing is counted; default 0. */
  cooldown?: number;
  /** Default 0. */
  minLearningRate?: number;
}

const FIELDS = {
  ...monitorFields(1e-4),
  factor: withDefault(number({ above: 0, below: 1 }), 0.1),
  patience: withDefault(integer(0), 10),
  cooldown: withDefault(integer(0), 0),
  minLearningRate: withDefault(number({ min: 0 }), 0),
};

/**
 * Reduces the learning rate when a value has stopped improving, by the rules of Keras'
 * ReduceLROnPlateau. The history gets `learningRate`.
 *
 * @throws SluiceError CONFIG from `fit` where the value that is monitored does not exist
 *
 * @example
 * callbacks.reduceLROnPlateau({ monitor: 'loss', factor: 0.5, patience: 3 });
 */
export function reduceLROnPlateau(options: ReduceLROnPlateauOptions = {}): Callback {
  const where = 'callbacks.reduceLROnPlateau';
  const parsed = parseOptions(where, FIELDS, options);
  const monitor = new Monitor(parsed);
  let best: number | undefined;
  let wait = 0;
  let cooldown = 0;
  return {
    onTrainBegin(_logs, model) {
      monitor.check(where, model);
      best = undefined;
      wait = 0;
      cooldown = 0;
    },
    onEpochEnd(_epoch, logs, model) {
      logs.learningRate = model.learningRate;
      const value = monitor.read(logs);
      if (value === undefined) return;
      if (cooldown > 0) {
        cooldown--;
        wait = 0;
      }
      if (monitor.isBetter(value, best)) {
        best = value;
        wait = 0;
      } else if (cooldown === 0 && ++wait >= parsed.patience) {
        if (model.learningRate <= parsed.minLearningRate) return;
        model.learningRate = Math.max(model.learningRate * parsed.factor, parsed.minLearningRate);
        cooldown = parsed.cooldown;
        wait = 0;
      }
    },
  };
}

/**
 * Sets the learning rate at the beginning of each epoch. The history gets `learningRate`.
 *
 * @param schedule is given the epoch, from 0, and the current rate and answers with the new one
 *
 * @example
 * callbacks.learningRateSchedule((epoch, rate) => (epoch < 10 ? rate : rate * 0.95));
 */
export function learningRateSchedule(
  schedule: (epoch: number, learningRate: number) => number,
): Callback {
  const where = 'callbacks.learningRateSchedule';
  if (typeof schedule !== 'function') throw invalid('schedule', 'a function', schedule, where);
  const rate = number({ min: 0 });
  return {
    onEpochBegin(epoch, _logs, model) {
      const next = schedule(epoch, model.learningRate);
      model.learningRate = rate.parse(next, 'the learning rate of the schedule', where);
    },
    onEpochEnd(_epoch, logs, model) {
      logs.learningRate = model.learningRate;
    },
  };
}
