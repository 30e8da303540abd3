// Writing a model to a file: composes it with the file format.
import { invalid } from '../errors.js';
import { writeAtomically } from '../formats/atomicWrite.js';
import { encodeModel, type ModelRecord } from '../formats/modelFile.js';
import { type Json, native } from '../native.js';
import type { Compiled } from '../training/compile.js';
import type { ModelCore } from './core.js';

/** The chunks of a file with the model as it is now. */
export function encode(core: ModelCore): Uint8Array[] {
  const { weights, parameters } = native(() => ({
    weights: core.engine.getWeights(),
    parameters: core.engine.parameters,
  }));
  const record: ModelRecord = {
    name: core.name,
    seed: core.seed,
    description: core.description,
    outputs: core.outputNames,
    compiled: core.compiled ? describeCompiled(core.compiled) : null,
  };
  const tensors = parameters.map(({ name, shape }) => ({
    name,
    shape,
    data: weights[name] ?? new Float32Array(0),
  }));
  return encodeModel(record, tensors);
}

/** Losses, metrics and optimizer; where a model runs is a matter of the machine, not of the file. */
function describeCompiled({ outputs, optimizer }: Compiled): Json {
  // As it stands in the file, where what is undefined is not there.
  const described = {
    losses: outputs.map(({ loss }) => ({ ...loss })),
    lossWeights: outputs.map(({ weight }) => weight),
    metrics: outputs.map(({ metrics }) => metrics.map((metric) => ({ ...metric }))),
    optimizer: { ...optimizer },
  };
  return JSON.parse(JSON.stringify(described)) as Json;
}

/** See `Model.save`. */
export async function save(
  core: ModelCore,
  path: string | undefined,
): Promise<Uint8Array | undefined> {
  if (path !== undefined && (typeof path !== 'string' || path === '')) {
    throw invalid('path', 'a non-empty string, or nothing', path, 'save');
  }
  const chunks = encode(core);
  if (path !== undefined) {
    await writeAtomically(path, chunks);
    return undefined;
  }
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
