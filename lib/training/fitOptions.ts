import { invalid, SluiceError } from '../errors.js';
import {
  boolean,
  custom,
  integer,
  number,
  oneOf,
  optional,
  parseOptions,
  withDefault,
} from '../layers/options.js';
import { type Callback, checkCallback } from './callbacks/callback.js';
import { isRecord, type ModelData, type PerRowByName } from './data.js';
import type { MaskOptions } from './inputs.js';
import type { Verbose } from './progress.js';
import { CALL_FIELDS, type CallOptions, WEIGHT_FIELDS } from './run.js';
import type { WeightOptions } from './targets.js';

/** Data to validate on: [x, y], [x, y, sampleWeight], or an object with masks as well. */
export type ValidationData =
  | readonly [x: ModelData, y: ModelData]
  | readonly [x: ModelData, y: ModelData, sampleWeight: PerRowByName]
  | ({ x: ModelData; y: ModelData; sampleWeight?: PerRowByName } & MaskOptions);

/** Options of `fit`; names and defaults are those of Keras. */
export interface FitOptions extends CallOptions, WeightOptions {
  /** Number of the epoch at which to stop, from 0; default 1. */
  epochs?: number;
  /** Where to start counting; default 0. */
  initialEpoch?: number;
  /** Rows of one update (of one of `accumulateSteps`); default 32. */
  batchSize?: number;
  /** New order of the rows in each epoch; default true. */
  shuffle?: boolean;
  /** Of shuffles and dropout; default: the model's. */
  seed?: number;
  /** Share of the rows to validate on, above 0 and below 1: the LAST rows, taken before shuffling. */
  validationSplit?: number;
  validationData?: ValidationData;
  /** Validate after every this many epochs; default 1. */
  validationFreq?: number;
  /** Add up the gradients of this many batches for one update; default 1. */
  accumulateSteps?: number;
  callbacks?: readonly Callback[];
  /** true (default): reject with NON_FINITE, before the update, when the loss is not finite. */
  terminateOnNaN?: boolean;
  /** 'auto' (default): a bar if stderr is a terminal, else silent; 0 silent, 1 bar, 2 a line an epoch. */
  verbose?: Verbose;
}

/** Parts of the design that this release does not have. */
const UNSUPPORTED = ['truncate', 'checkpoint', 'resume'];

const FIELDS = {
  ...CALL_FIELDS,
  ...WEIGHT_FIELDS,
  epochs: withDefault(integer(1), 1),
  initialEpoch: withDefault(integer(0), 0),
  batchSize: withDefault(integer(1), 32),
  shuffle: withDefault(boolean(), true),
  seed: optional(integer(0)),
  validationSplit: optional(number({ min: 0, below: 1 })),
  validationData: optional(custom<unknown>('validation data', (value) => value)),
  validationFreq: withDefault(integer(1), 1),
  accumulateSteps: withDefault(integer(1), 1),
  callbacks: withDefault(
    custom<readonly Callback[]>('an array of callbacks', (value, name, where) => {
      if (!Array.isArray(value)) throw invalid(name, 'an array of callbacks', value, where);
      return Array.from(value, (callback) => checkCallback(callback, where));
    }),
    [],
  ),
  terminateOnNaN: withDefault(boolean(), true),
  verbose: withDefault(oneOf('auto', 0, 1, 2), 'auto'),
};

/** `fit`'s options with their defaults. */
export type ParsedFitOptions = ReturnType<typeof parseFitOptions>;

/** Checks the options of `fit`. */
export function parseFitOptions(options: FitOptions) {
  for (const name of UNSUPPORTED) {
    if (isRecord(options) && options[name] !== undefined) {
      throw new SluiceError('UNSUPPORTED', `fit: '${name}' is not part of this release`, {
        option: name,
      });
    }
  }
  const parsed = parseOptions('fit', FIELDS, options);
  if (parsed.validationData !== undefined && (parsed.validationSplit ?? 0) > 0) {
    throw new SluiceError('CONFIG', 'fit: validationSplit and validationData exclude each other', {
      option: 'validationSplit',
    });
  }
  return parsed;
}

/** The parts of `validationData`. */
export function parseValidationData(value: unknown): {
  x: unknown;
  y: unknown;
  sampleWeight?: PerRowByName;
} & MaskOptions {
  if (Array.isArray(value) && (value.length === 2 || value.length === 3)) {
    const [x, y, sampleWeight] = value;
    return { x, y, ...(sampleWeight === undefined ? {} : { sampleWeight }) };
  }
  if (isRecord(value) && 'x' in value && 'y' in value) {
    const any = () => custom<unknown>('data', (item) => item);
    const fields = {
      x: any(),
      y: any(),
      sampleWeight: optional(any()),
      lengths: optional(any()),
      mask: optional(any()),
    };
    return parseOptions('fit: validationData', fields, value) as ReturnType<
      typeof parseValidationData
    >;
  }
  throw invalid('validationData', '[x, y], [x, y, sampleWeight] or { x, y, ... }', value, 'fit');
}

/** Training needs something to train on. */
export function noRows(where: string): SluiceError {
  return new SluiceError('INVALID_ARGUMENT', `${where}: there are no rows to train on`, {
    option: 'x',
    expected: 'at least one row',
    received: '0 rows',
  });
}
