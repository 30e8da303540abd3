import { BatchSource, type Range } from './batches.js';
import type { Compiled } from './compile.js';
import type { Rows } from './data.js';
import { bindLabelled } from './evaluate.js';
import {
  type FitOptions,
  noRows,
  type ParsedFitOptions,
  parseValidationData,
} from './fitOptions.js';
import type { Trainable } from './trainable.js';

/** The rows that `fit` trains on and validates on. */
export interface FitData {
  train: BatchSource;
  trainRange: Range;
  /** Undefined without validation. */
  validation: { source: BatchSource; range: Range } | undefined;
}

/** Columns of training and validation rows; `validationSplit` takes the last rows, as Keras does. */
export function bindFit(
  model: Trainable,
  compiled: Compiled,
  x: unknown,
  y: unknown,
  options: ParsedFitOptions,
): FitData {
  const rows = bindLabelled(model, compiled, x, y, options as FitOptions);
  const train = new BatchSource(model.engine, rows);
  if (options.validationData !== undefined) {
    const { x: vx, y: vy, ...rest } = parseValidationData(options.validationData);
    const other = bindLabelled(model, compiled, vx, vy, rest);
    if (rows.count === 0) throw noRows('fit');
    const range = { from: 0, to: other.count };
    return {
      train,
      trainRange: { from: 0, to: rows.count },
      validation: { source: new BatchSource(model.engine, other), range },
    };
  }
  const split = Math.floor(rows.count * (1 - (options.validationSplit ?? 0)));
  if (split === 0) throw noRows('fit');
  // Classes are weighed in training only; a source of its own leaves these weights out.
  const source =
    options.classWeight === undefined
      ? train
      : new BatchSource(model.engine, withoutClassWeights(model, compiled, x, y, options));
  const validation =
    split === rows.count ? undefined : { source, range: { from: split, to: rows.count } };
  return { train, trainRange: { from: 0, to: split }, validation };
}

function withoutClassWeights(
  model: Trainable,
  compiled: Compiled,
  x: unknown,
  y: unknown,
  options: ParsedFitOptions,
): Rows {
  const { classWeight: _, ...rest } = options as FitOptions;
  return bindLabelled(model, compiled, x, y, rest);
}
