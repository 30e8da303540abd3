// The addon itself, without lib/, and what its tests need: small models, and child processes.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect } from 'vitest';
import type * as Binding from '../../binding.js';

const ROOT = join(__dirname, '..', '..');
const require = createRequire(join(ROOT, 'package.json'));

export const ADDON_PATH: string = require('node-gyp-build').resolve(ROOT);
export const addon = require(ADDON_PATH) as typeof Binding;

const zeros = { name: 'zeros' };
const glorot = { name: 'glorotUniform' };

export function inputNode(name: string, shape: (number | null)[]): Binding.NodeDescription {
  return { kind: 'input', name, inputs: [], options: { shape, dtype: 'float32' } };
}

export function gruNode(
  name: string,
  input: string,
  units: number,
  options: Record<string, Binding.Json> = {},
): Binding.NodeDescription {
  return {
    kind: 'gru',
    name,
    inputs: [[input, 0]],
    options: {
      units,
      activation: { name: 'tanh' },
      recurrentActivation: { name: 'sigmoid' },
      useBias: true,
      kernelInitializer: glorot,
      recurrentInitializer: { name: 'orthogonal', gain: 1 },
      biasInitializer: zeros,
      resetAfter: true,
      updateGate: 'keep',
      returnSequences: false,
      returnState: false,
      goBackwards: false,
      stateful: false,
      maskedOutput: 'zero',
      dropout: 0,
      recurrentDropout: 0,
      recurrentDropConnect: 0,
      zoneout: 0,
      layerNorm: false,
      layerNormEpsilon: 1e-5,
      clip: 0,
      initialState: 'zeros',
      trainable: true,
      ...options,
    },
  };
}

export function denseNode(name: string, input: string, units: number): Binding.NodeDescription {
  return {
    kind: 'dense',
    name,
    inputs: [[input, 0]],
    options: {
      units,
      activation: { name: 'linear' },
      useBias: true,
      kernelInitializer: glorot,
      biasInitializer: zeros,
      trainable: true,
    },
  };
}

/** x [B,T,3] -> gru(4) -> dense(2). */
export const SMALL: Binding.ModelDescription = {
  nodes: [inputNode('x', [null, 3]), gruNode('gru', 'x', 4), denseNode('dense', 'gru', 2)],
  outputs: [['dense', 0]],
};

/** One run of it takes long enough to be interrupted, and is made of many short ops. */
export const SLOW: Binding.ModelDescription = {
  nodes: [
    inputNode('x', [null, 3]),
    ...Array.from({ length: 40 }, (_, i) =>
      gruNode(`gru_${i}`, i === 0 ? 'x' : `gru_${i - 1}`, 16, { returnSequences: true }),
    ),
  ],
  outputs: [['gru_39', 0]],
};
export const SLOW_ROWS = 32;
export const SLOW_STEPS = 100;

export const OPTIONS: Binding.RunOptions = {
  device: 'reference',
  cancel: null,
  weights: null,
  training: false,
  seed: 1,
  step: 0,
  microBatch: 0,
  learningRate: null,
  requireFinite: false,
  strict: false,
  memory: 'fast',
  precision: 'float32',
};

const OPTIMIZER: Binding.OptimizerSpec = {
  kind: 'adam',
  learningRate: 0.01,
  momentum: 0,
  nesterov: false,
  rho: 0.9,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-7,
  epsilonMode: 'keras',
  weightDecay: 0,
  clipNorm: 0,
  clipVariableNorm: 0,
  clipValue: 0,
};

export const COMPILE: Binding.CompileSpec = {
  losses: [{ kind: 'meanSquaredError', delta: 1, weight: 1, graph: null }],
  metrics: [[{ kind: 'meanAbsoluteError', threshold: 0, graph: null }]],
  optimizer: OPTIMIZER,
};

export function slot(
  role: Binding.SlotDescription['role'],
  shape: number[],
  dtype: Binding.DType = 'float32',
): Binding.SlotDescription {
  return { role, index: 0, shape, dtype };
}

export function smallModel(): Binding.Model {
  return new addon.Model(SMALL, 1);
}

/** A compiled small model and a batch of 2 rows with inputs and targets. */
export function trainable(): { model: Binding.Model; batch: Binding.Batch } {
  const model = smallModel();
  model.compile(COMPILE);
  const batch = new addon.Batch(model, 2, [slot('input', [5, 3]), slot('target', [2])]);
  const x = Float32Array.from({ length: 30 }, (_, i) => Math.sin(i));
  batch.gather(0, x, null, 0, 0, 2);
  batch.gather(1, new Float32Array([1, -1, 0.5, 2]), null, 0, 0, 2);
  return { model, batch };
}

/** A run that is still going on when the caller looks at it next. */
export function slowRun(): { model: Binding.Model; batch: Binding.Batch } {
  const model = new addon.Model(SLOW, 1);
  model.compile(COMPILE);
  const slots = [slot('input', [SLOW_STEPS, 3]), slot('target', [SLOW_STEPS, 16])];
  return { model, batch: new addon.Batch(model, SLOW_ROWS, slots) };
}

export function caught(call: () => unknown): Error & { code?: string; details?: unknown } {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected an error');
}

export function expectCode(call: () => unknown, code: string): void {
  const error = caught(call);
  expect(error).toBeInstanceOf(Error);
  expect({ code: error.code, message: error.message }).toMatchObject({ code });
  expect(error.details).toBeTypeOf('object');
}

export async function expectRejection(promise: Promise<unknown>, code: string): Promise<void> {
  await expect(promise).rejects.toMatchObject({ code, details: expect.any(Object) });
}

/** For scripts in other processes and threads: `addon`, `SLOW`..., and `startSlow()`. */
export const PRELUDE = `
const addon = require(${JSON.stringify(ADDON_PATH)});
const OPTIONS = ${JSON.stringify(OPTIONS)}, COMPILE = ${JSON.stringify(COMPILE)};
const SMALL = ${JSON.stringify(SMALL)}, SLOW = ${JSON.stringify(SLOW)};
const slot = (role, shape) => ({ role, index: 0, shape, dtype: 'float32' });
function startSlow(kind = 'train') {
  const model = new addon.Model(SLOW, 1);
  model.compile(COMPILE);
  const batch = new addon.Batch(model, ${SLOW_ROWS}, [
    slot('input', [${SLOW_STEPS}, 3]), slot('target', [${SLOW_STEPS}, 16])]);
  return model.run(kind, batch, OPTIONS);
}
`;

/** Runs a script in a process of its own. */
export function runNode(script: string, argv: string[] = []) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...argv, '-e', script], {
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { status, signal, stdout, stderr };
}
