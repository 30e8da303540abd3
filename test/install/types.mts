// Compiled by scripts/check-install.mjs against the types of the installed package.
import {
  callbacks,
  type layers as Layers,
  layers,
  load,
  type Model,
  SluiceError,
  sequential,
  type Tensor,
  tensor,
} from 'sluice';

export async function train(): Promise<number> {
  const x: Tensor = tensor(new Float32Array(6), [1, 2, 3]);
  const model: Model = sequential([layers.gru({ units: 2 }), layers.dense({ units: 1 })], {
    inputShape: [null, 3],
  });
  model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mae'] });
  const { history } = await model.fit(x, tensor([[1]]), {
    epochs: 1,
    callbacks: [callbacks.earlyStopping({ patience: 1 })],
    signal: new AbortController().signal,
  });
  // @ts-expect-error: units is a number. Were the types not found, this would be no error.
  layers.gru({ units: 'two' });
  const again = await load('model.safetensors');
  return (history.loss?.[0] ?? 0) + again.stream().push(new Float32Array(3)).length;
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof SluiceError ? error.code : undefined;
}

export type LayerNames = keyof typeof Layers;
