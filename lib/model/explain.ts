import { SluiceError } from '../errors.js';
import {
  boolean,
  integer,
  oneOf,
  optional,
  parseOptions,
  text,
  withDefault,
} from '../layers/options.js';
import { native, type OpInfo, type PlanInfo } from '../native.js';
import type { ModelCore } from './core.js';
import { table } from './table.js';

export type { OpInfo } from '../native.js';

/** Options of `model.explain`. */
export interface ExplainOptions {
  /** Rows of a batch; default 32. */
  batch?: number;
  /** Steps of the sequences, where the model does not fix them; default 100. */
  steps?: number;
  /** Which plan; 'train' needs a compiled model. Default 'predict'. */
  mode?: 'predict' | 'train';
  /** Default: that of `compile`, else 'cpu'. */
  device?: string;
  /** true: UNSUPPORTED if any op takes a slower path. */
  strict?: boolean;
}

/** Of a run: the engine counts rows and steps in 32 bits. */
const MAX_EXTENT = 2 ** 31 - 1;

const FIELDS = {
  batch: withDefault(integer(1, MAX_EXTENT), 32),
  steps: withDefault(integer(1, MAX_EXTENT), 100),
  mode: withDefault(oneOf('predict', 'train'), 'predict'),
  device: optional(text()),
  strict: optional(boolean()),
};

/** What runs, op by op, and why nothing faster does. As a string it is a table. */
export class Explanation implements PlanInfo {
  readonly ops: OpInfo[];
  /** Bytes of scratch memory of one run. */
  readonly arenaBytes: number;
  readonly parameterBytes: number;
  /** Bytes of weights in the order that kernels want them in. */
  readonly packedBytes: number;
  readonly threads: number;

  /** @internal */
  constructor(plan: PlanInfo) {
    this.ops = plan.ops;
    this.arenaBytes = plan.arenaBytes;
    this.parameterBytes = plan.parameterBytes;
    this.packedBytes = plan.packedBytes;
    this.threads = plan.threads;
  }

  toString(): string {
    const rows = this.ops.map(({ layer, op, device, kernel, fallback }) => [
      layer,
      op,
      device,
      kernel,
      fallback ?? '',
    ]);
    const kib = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`;
    return [
      table(['layer', 'op', 'device', 'kernel', 'why not faster'], rows),
      `${this.threads} threads, ${kib(this.arenaBytes)} scratch, ${kib(this.parameterBytes)} parameters, ${kib(this.packedBytes)} packed`,
    ].join('\n');
  }
}

/** See `Model.explain`. */
export function explain(core: ModelCore, options: ExplainOptions = {}): Explanation {
  const call = parseOptions('explain', FIELDS, options);
  if (call.mode === 'train') core.requireCompiled("explain with mode 'train'");
  const device = call.device ?? core.compiled?.settings.device ?? 'cpu';
  const fixed = core.inputs.find(({ sequence }) => sequence)?.shape[1];
  const plan = native(() =>
    core.engine.explain(call.mode, call.batch, fixed ?? call.steps, device),
  );
  const slow = plan.ops.find(({ fallback }) => fallback !== null);
  if (slow && (call.strict ?? core.compiled?.settings.strict)) {
    throw new SluiceError(
      'UNSUPPORTED',
      `${slow.layer}: ${slow.op} does not run on the fast path of '${device}': ${slow.fallback}`,
      { layer: slow.layer, option: 'strict', received: slow.kernel },
    );
  }
  return new Explanation(plan);
}
