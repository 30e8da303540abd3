import { SluiceError } from '../errors.js';
import type { OutputNames } from '../formats/modelFile.js';
import { number } from '../layers/options.js';
import { type Json, type ModelDescription, type NativeModel, native } from '../native.js';
import { type Compiled, compileSpec } from '../training/compile.js';
import type { InputPort, OutputPort } from '../training/ports.js';
import { DEFAULT_SETTINGS, type Settings } from '../training/settings.js';
import type { Trainable } from '../training/trainable.js';

/** What a model is made of. */
export interface ModelParts {
  name: string;
  seed: number;
  description: ModelDescription;
  outputs: OutputNames;
}

/** The state of a model: its engine, its ports, what it was compiled with and what it is doing. */
export class ModelCore implements Trainable {
  readonly name: string;
  readonly seed: number;
  readonly description: ModelDescription;
  readonly outputNames: OutputNames;
  readonly engine: NativeModel;
  readonly inputs: readonly InputPort[];
  readonly outputs: readonly OutputPort[];
  readonly isStateful: boolean;
  readonly settings: Settings;
  compiled: Compiled | null = null;
  stopTraining = false;
  /** The training call that is under way. */
  #training: string | undefined;
  /** Calls under way that write the states of stateful layers. */
  #stateWriters = 0;
  #disposed = false;

  constructor(
    { name, seed, description, outputs }: ModelParts,
    settings: Settings = DEFAULT_SETTINGS,
  ) {
    this.settings = settings;
    this.name = name;
    this.seed = seed;
    this.description = description;
    this.outputNames = outputs;
    this.engine = native((addon) => new addon.Model(description, seed));
    this.isStateful = native(() => this.engine.states).some(({ carried }) => carried);
    this.inputs = native(() => this.engine.inputs).map((info) => ({
      ...info,
      consumer: consumerOf(description, info.name),
    }));
    this.outputs = native(() => this.engine.outputs).map((info, i) => ({
      ...info,
      name: outputs.names[i] ?? info.node,
      activation: activationOf(description, info.node),
    }));
  }

  get learningRate(): number {
    return this.requireCompiled('learningRate').optimizer.learningRate;
  }

  set learningRate(value: number) {
    const compiled = this.requireCompiled('learningRate');
    const learningRate = number({ min: 0 }).parse(value, 'learningRate', 'model');
    this.compiled = { ...compiled, optimizer: { ...compiled.optimizer, learningRate } };
  }

  requireCompiled(what: string): Compiled {
    if (this.compiled) return this.compiled;
    throw new SluiceError('CONFIG', `${what}: the model is not compiled; call compile first`);
  }

  compile(compiled: Compiled): void {
    native(() => this.engine.compile(compileSpec(compiled)));
    this.compiled = compiled;
  }

  /** Also in the description, so that a file that is saved later knows it. */
  setTrainable(layer: string, trainable: boolean): void {
    native(() => this.engine.setTrainable(layer, trainable));
    const node = this.description.nodes.find(({ name }) => name === layer);
    if (node && 'trainable' in node.options) node.options.trainable = trainable;
  }

  scratch(): NativeModel {
    return native((addon) => {
      const engine = new addon.Model(this.description, this.seed);
      engine.setWeights(this.engine.getWeights());
      return engine;
    });
  }

  /** BUSY while a training call is under way. */
  requireIdle(what: string): void {
    this.requireAlive(what);
    if (this.#training === undefined) return;
    throw new SluiceError('BUSY', `${what} has to wait: ${this.#training} is under way`, {
      expected: 'no training call',
      received: this.#training,
    });
  }

  requireAlive(what: string): void {
    if (this.#disposed) throw new SluiceError('DISPOSED', `${what}: the model was disposed`);
  }

  /** Runs a training call; a second one at the same time is refused. */
  async exclusively<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.requireIdle(what);
    if (this.isStateful) this.requireStatesIdle(what);
    this.#training = what;
    try {
      return await work();
    } finally {
      this.#training = undefined;
    }
  }

  /**
   * Runs a call that writes the states of stateful layers after each of its batches. Where there are
   * such layers, it has to be alone: the batches of another call would go on from its states.
   */
  async writingStates<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.requireAlive(what);
    if (this.isStateful) {
      this.requireIdle(what);
      this.requireStatesIdle(what);
    }
    this.#stateWriters++;
    try {
      return await work();
    } finally {
      this.#stateWriters--;
    }
  }

  /** BUSY while a call is under way that would overwrite the states, between two of its batches as well. */
  requireStatesIdle(what: string): void {
    this.requireAlive(what);
    if (this.#stateWriters === 0) return;
    throw new SluiceError(
      'BUSY',
      `${what} has to wait: a call that writes the states is under way`,
      {
        expected: 'no call of predict or evaluate',
      },
    );
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    native(() => this.engine.dispose());
  }
}

/** The first layer that reads an input: by its name people know what does not fit. */
function consumerOf(description: ModelDescription, input: string): string {
  const reader = description.nodes.find(({ inputs }) => inputs.some(([name]) => name === input));
  return reader?.name ?? input;
}

function activationOf(description: ModelDescription, node: string): string | null {
  const found = description.nodes.find(({ name }) => name === node);
  if (found?.kind === 'softmax') return 'softmax';
  const options: Record<string, Json> = found?.options ?? {};
  const { activation } = options;
  const isSpec = activation !== null && typeof activation === 'object' && 'name' in activation;
  return isSpec && typeof activation.name === 'string' ? activation.name : null;
}
