// A model as a safetensors file: weights as tensors, everything else as metadata. Neutral: this file
// knows descriptions and named tensors, no classes.
import { SluiceError, shapeText, show } from '../errors.js';
import { type Json, type ModelDescription, type ParameterInfo, packageVersion } from '../native.js';
import { parseStrictJson } from './json.js';
import {
  type NamedFloats,
  type RawTensor,
  readSafetensors,
  toFloats,
  writeSafetensors,
} from './safetensors.js';

/** Raised when a file that older versions cannot read is written. */
const FORMAT_VERSION = 1;

/** Whether `outputs` of a model was one value, an array or a record, with the names. */
export interface OutputNames {
  kind: 'single' | 'array' | 'record';
  names: string[];
}

/** What a file holds beside the weights. */
export interface ModelRecord {
  name: string;
  seed: number;
  description: ModelDescription;
  outputs: OutputNames;
  /** Losses, metrics and optimizer as plain data; null for a model that was not compiled. */
  compiled: Json;
}

/** The chunks of a file. */
export function encodeModel(record: ModelRecord, weights: readonly NamedFloats[]): Uint8Array[] {
  return writeSafetensors(weights, {
    'sluice.format': String(FORMAT_VERSION),
    'sluice.version': packageVersion(),
    'sluice.model': JSON.stringify(record),
  });
}

/** A file that was read: the description is yet to be checked by the engine. */
export interface DecodedModel {
  format: number;
  /** Version of the library that wrote it, where the file says so. */
  writer: string | null;
  /** What else stands in the file's metadata. */
  metadata: Record<string, string>;
  record: ModelRecord;
  tensors: Map<string, RawTensor>;
}

function malformed(message: string): SluiceError {
  return new SluiceError('FORMAT', message);
}

/**
 * Reads a file.
 * @throws SluiceError FORMAT for a file that is broken, foreign or of a newer format
 */
export function decodeModel(file: Uint8Array): DecodedModel {
  const { metadata, tensors } = readSafetensors(file);
  const format = metadata['sluice.format'];
  if (format === undefined) {
    throw malformed(
      'this safetensors file is not a model of sluice: it holds tensors but no model description',
    );
  }
  const version = Number(format);
  if (!/^[1-9]\d*$/.test(format) || !Number.isSafeInteger(version)) {
    throw malformed(`the file's format version ${show(format)} is not a number`);
  }
  if (version > FORMAT_VERSION) {
    const writer = show(metadata['sluice.version'] ?? 'unknown');
    throw malformed(
      `the file has format version ${version}, written by sluice ${writer}; ` +
        `this is sluice ${packageVersion()}, which reads format versions up to ${FORMAT_VERSION}: update the package`,
    );
  }
  const {
    'sluice.format': _,
    'sluice.version': writer = null,
    'sluice.model': text = '',
    ...others
  } = metadata;
  return { format: version, writer, metadata: others, record: parseRecord(text), tensors };
}

function parseRecord(text: string): ModelRecord {
  let value: unknown;
  try {
    value = parseStrictJson(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw malformed(`the model description is not JSON: ${reason}`);
  }
  if (!isObject(value) || !isObject(value.description) || !isObject(value.outputs)) {
    throw malformed('the model description is not complete');
  }
  const { name, seed, description, outputs, compiled } = value;
  const isSeed = Number.isSafeInteger(seed) && (seed as number) >= 0;
  if (typeof name !== 'string' || !isSeed) throw malformed('the model has no valid name and seed');
  const { kind, names } = outputs;
  const isKind = kind === 'single' || kind === 'array' || kind === 'record';
  const areNames = Array.isArray(names) && names.every((item) => typeof item === 'string');
  if (!isKind || !areNames) throw malformed('the names of the outputs are not valid');
  const { nodes, outputs: references } = description;
  if (!Array.isArray(nodes) || !Array.isArray(references) || references.length !== names.length) {
    throw malformed('nodes and outputs of the model are not valid');
  }
  if (kind === 'single' && names.length !== 1) {
    throw malformed(`a single output has ${names.length} names`);
  }
  if (new Set(names).size < names.length) throw malformed('two outputs have the same name');
  return {
    name,
    seed: seed as number,
    // What the nodes hold is checked by the engine.
    description: { nodes, outputs: references } as ModelDescription,
    outputs: { kind, names },
    compiled: (compiled ?? null) as Json,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/**
 * The weights for a model's parameters.
 * @throws SluiceError FORMAT naming tensors that are missing, too many or of another shape
 */
export function decodeWeights(
  tensors: ReadonlyMap<string, RawTensor>,
  parameters: readonly ParameterInfo[],
): Record<string, Float32Array> {
  const known = new Set(parameters.map(({ name }) => name));
  const extra = [...tensors.keys()].filter((name) => !known.has(name));
  const missing = [...known].filter((name) => !tensors.has(name));
  if (missing.length > 0) throw malformed(`the file lacks the weights ${list(missing)}`);
  if (extra.length > 0) throw malformed(`the model has no place for the tensors ${list(extra)}`);
  return Object.fromEntries(
    parameters.map(({ name, shape }) => {
      const tensor = tensors.get(name) as RawTensor;
      if (shapeText(tensor.shape) !== shapeText(shape)) {
        throw malformed(
          `tensor ${show(name)} has shape ${shapeText(tensor.shape)}, the model needs ${shapeText(shape)}`,
        );
      }
      return [name, toFloats(name, tensor)];
    }),
  );
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => show(name));
  return `${shown.join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
}
