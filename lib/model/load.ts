import { readFile } from 'node:fs/promises';
import { types } from 'node:util';
import { invalid, SluiceError } from '../errors.js';
import { type DecodedModel, decodeModel, decodeWeights } from '../formats/modelFile.js';
import { parseOptions } from '../layers/options.js';
import { type Json, native } from '../native.js';
import { isDetached, type Tensor } from '../tensor/tensor.js';
import { type Compiled, type CompileOptions, parseCompile } from '../training/compile.js';
import { isRecord } from '../training/data.js';
import {
  DEFAULT_SETTINGS,
  mergeSettings,
  PLACEMENT,
  type RunSettings,
  type Settings,
} from '../training/settings.js';
import { ModelCore } from './core.js';
import { Model } from './model.js';
import type { ModelOutput } from './outputs.js';

/** Options of `load`: where the model runs, unless `compile` or a call says otherwise. */
export type LoadOptions = Pick<RunSettings, keyof typeof PLACEMENT>;

/**
 * Loads a model that `model.save` wrote: layers, weights, seed and, if it was compiled, losses, metrics
 * and optimizer. The optimizer's state is not in the file; training goes on as after `compile`.
 *
 * The type of results is that of a single output unless it is given: `load<Tensor[]>(path)`.
 *
 * @param source a path or the bytes of a file
 * @param options `device` and `precision`, as in `compile`; where a model runs is not in its file
 * @throws SluiceError DEVICE_UNAVAILABLE or INVALID_ARGUMENT for the options; FORMAT for a file that is broken, foreign or of a newer format, and for weights
 * that do not fit the layers, naming them; OUT_OF_MEMORY; errors of the file system as Node throws them
 *
 * @example
 * const m = await load('weather.safetensors');
 * const same = await load(await m.save());
 * const there = await load('weather.safetensors', { device: 'auto' });
 */
export async function load<O extends ModelOutput = Tensor<'float32'>>(
  source: string | URL | Uint8Array | ArrayBuffer,
  options: LoadOptions = {},
): Promise<Model<O>> {
  const settings = mergeSettings(DEFAULT_SETTINGS, parseOptions('load', PLACEMENT, options));
  // Bytes are read at the call, before their owner can do anything else with them.
  const bytes = bytesOf(source) ?? (await readFile(pathOf(source)));
  return new Model<O>(restore(decodeModel(bytes), settings));
}

/** What a file describes, brought to life; the same errors as {@link load}. */
export function restore(
  { record, tensors }: DecodedModel,
  settings: Settings = DEFAULT_SETTINGS,
): ModelCore {
  const core = asFormatError('its layers', () => new ModelCore(record, settings));
  try {
    if (core.outputs.length !== record.outputs.names.length) {
      throw new SluiceError('FORMAT', 'the file does not name each of the outputs');
    }
    const weights = decodeWeights(
      tensors,
      native(() => core.engine.parameters),
    );
    native(() => core.engine.setWeights(weights));
    if (record.compiled !== null) {
      asFormatError('how it was compiled', () =>
        core.compile(parseCompiled(core, record.compiled)),
      );
    }
  } catch (error) {
    core.dispose();
    throw error;
  }
  return core;
}

function bytesOf(source: unknown): Uint8Array | undefined {
  if (types.isUint8Array(source)) {
    if (!isDetached(source)) return source;
    throw invalid('source', 'bytes that are there', source, 'load', 'their buffer is detached');
  }
  return types.isArrayBuffer(source) ? new Uint8Array(source) : undefined;
}

function pathOf(source: unknown): string | URL {
  if ((typeof source === 'string' && source !== '') || source instanceof URL) return source;
  throw invalid('source', 'a path or the bytes of a file', source, 'load');
}

function parseCompiled(core: ModelCore, compiled: Json): Compiled {
  if (!isRecord(compiled)) {
    throw new SluiceError('FORMAT', 'how the model was compiled is not an object');
  }
  const { losses, lossWeights, metrics, optimizer } = compiled;
  // Whatever the file holds: everything is checked as if a user had written it.
  return parseCompile(core.outputs, core.settings, {
    loss: losses,
    lossWeights,
    metrics,
    optimizer,
  } as unknown as CompileOptions);
}

/** What is wrong with the contents of a file is the file's fault; limits of this machine are not. */
function asFormatError<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const codes = ['CONFIG', 'INVALID_ARGUMENT', 'SHAPE_MISMATCH', 'UNSUPPORTED'];
    if (!(error instanceof SluiceError) || !codes.includes(error.code)) throw error;
    throw new SluiceError(
      'FORMAT',
      `the file is not valid, ${what}: ${error.message}`,
      error.details,
      {
        cause: error,
      },
    );
  }
}
