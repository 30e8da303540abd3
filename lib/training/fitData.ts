import { SluiceError } from '../errors.js';
import type { Range } from './batches.js';
import type { Compiled } from './compile.js';
import { ownSmall, type Rows } from './data.js';
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
  train: RowRange;
  /** Undefined without validation. */
  validation: RowRange | undefined;
}

/** Some of the rows. */
export interface RowRange {
  readonly rows: Rows;
  readonly range: Range;
}

/** Columns of training and validation rows; `validationSplit` takes the last rows, as Keras does. */
export function bindFit(
  model: Trainable,
  compiled: Compiled,
  x: unknown,
  y: unknown,
  options: ParsedFitOptions,
): FitData {
  const rows = ownSmall(bindLabelled(model, compiled, x, y, options as FitOptions));
  if (options.validationData !== undefined) {
    const { x: vx, y: vy, ...rest } = parseValidationData(options.validationData);
    const bind = () => ownSmall(bindLabelled(model, compiled, vx, vy, rest));
    const validation = all(ofValidation(bind));
    if (rows.count === 0) throw noRows('fit');
    return { train: all(rows), validation };
  }
  const split = Math.floor(rows.count * (1 - (options.validationSplit ?? 0)));
  if (split === 0) throw noRows('fit');
  const train = { rows, range: { from: 0, to: split } };
  if (split === rows.count) return { train, validation: undefined };
  // Classes are weighed in training only.
  const unweighted =
    options.classWeight === undefined
      ? rows
      : ownSmall(withoutClassWeights(model, compiled, x, y, options));
  return { train, validation: { rows: unweighted, range: { from: split, to: rows.count } } };
}

/** Errors say that it is the validation data they mean. */
function ofValidation<T>(bind: () => T): T {
  try {
    return bind();
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const { code, details, message } = error;
    const option = ['validationData', ...(details.option ? [details.option] : [])].join('.');
    const named = { ...details, option };
    throw new SluiceError(code, `fit: validationData: ${message}`, named, { cause: error });
  }
}

function all(rows: Rows): RowRange {
  return { rows, range: { from: 0, to: rows.count } };
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
