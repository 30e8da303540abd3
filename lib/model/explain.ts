import {
  integer,
  oneOf,
  optional,
  type Parsed,
  parseOptions,
  signal,
  withDefault,
} from '../layers/options.js';
import { type OpInfo as NativeOpInfo, native, nativeAsync, type PlanInfo } from '../native.js';
import { withSignal } from '../training/abort.js';
import { type Device, reasonOfDevice, resolveDevice } from '../training/device.js';
import { settingsOf } from '../training/run.js';
import { type Precision, SETTINGS, type Settings } from '../training/settings.js';
import type { ModelCore } from './core.js';
import { table } from './table.js';

/** One operation of a plan: what runs it, how, and how fast. */
export interface OpInfo extends NativeOpInfo {
  /** Billions of operations a second; null where there are no matrix products or nothing is known. */
  predictedGflops: number | null;
  /** The same of what `model.measure` measured. */
  measuredGflops: number | null;
}

/** Options of `model.explain`. */
export interface ExplainOptions {
  /** Rows of a batch; default 32. */
  batch?: number;
  /** Steps of the sequences, where the model does not fix them; default 100. */
  steps?: number;
  /** Which plan; 'train' needs a compiled model. Default 'predict'. */
  mode?: 'predict' | 'train';
  /** Default: that of `compile`, else 'cpu'. */
  device?: Device;
  /** As in `compile`; default: what `compile` was given, else 'float32'. */
  precision?: Precision;
  /** As in `compile`; default: what `compile` was given, else 'fast'. */
  memory?: 'fast' | 'low';
  /** true: UNSUPPORTED if any op takes a slower path. */
  strict?: boolean;
}

/** Of a run: the engine counts rows and steps in 32 bits. */
const MAX_EXTENT = 2 ** 31 - 1;

const FIELDS = {
  batch: withDefault(integer(1, MAX_EXTENT), 32),
  steps: withDefault(integer(1, MAX_EXTENT), 100),
  mode: withDefault(oneOf('predict', 'train'), 'predict'),
  ...SETTINGS,
};

/** Options of `model.measure`. */
export interface MeasureOptions extends ExplainOptions {
  /** Ends the call with an AbortError. */
  signal?: AbortSignal | undefined;
}

/** What runs, op by op, and why nothing faster does. As a string it is a table. */
export class Explanation {
  /** Where it runs: a device by its own name, also where 'auto' was asked for. */
  readonly device: string;
  /** Why 'auto' is this device; null where a device was named. */
  readonly deviceReason: string | null;
  readonly ops: OpInfo[];
  /** Bytes of scratch memory of one run. */
  readonly arenaBytes: number;
  readonly parameterBytes: number;
  /** Bytes of weights in the order that kernels want them in. */
  readonly packedBytes: number;
  /** Of the processor, that an operation may take. */
  readonly threads: number;

  /** @internal */
  constructor(plan: PlanInfo, { device }: Settings) {
    this.device = resolveDevice(device);
    this.deviceReason = reasonOfDevice(device);
    this.ops = plan.ops.map((op) => ({
      ...op,
      predictedGflops: gflops(op.flop, op.predictedSeconds),
      measuredGflops: gflops(op.flop, op.measuredSeconds),
    }));
    this.arenaBytes = plan.arenaBytes;
    this.parameterBytes = plan.parameterBytes;
    this.packedBytes = plan.packedBytes;
    this.threads = plan.threads;
  }

  toString(): string {
    const isMeasured = this.ops.some(({ measuredSeconds }) => measuredSeconds !== null);
    const columns = [...COLUMNS, ...PREDICTED, ...(isMeasured ? MEASURED : [])];
    const isOfCpu = this.ops.some(({ threads }) => threads > 0);
    const kib = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`;
    return [
      table(
        columns.map(({ title }) => title),
        this.ops.map((op) => columns.map(({ text }) => text(op))),
        columns.length - COLUMNS.length,
      ),
      ...this.ops.flatMap(({ layer, op, fallback }) =>
        fallback === null ? [] : [`${layer}: ${op} takes a slower path: ${fallback}`],
      ),
      ...this.ops.flatMap(({ layer, op, detour }) =>
        detour === null ? [] : [`${layer}: ${op} makes a detour: ${detour}`],
      ),
      ...(this.deviceReason === null
        ? []
        : [`device 'auto' is ${this.device}: ${this.deviceReason}`]),
      `${isOfCpu ? `${this.threads} threads, ` : ''}${kib(this.arenaBytes)} scratch, ${kib(this.parameterBytes)} parameters, ${kib(this.packedBytes)} packed`,
    ].join('\n');
  }
}

interface Column {
  title: string;
  text: (op: OpInfo) => string;
}

/** Words, then numbers. */
const COLUMNS: Column[] = [
  { title: 'layer', text: ({ layer }) => layer },
  { title: 'op', text: ({ op }) => op },
  { title: 'device', text: ({ device }) => device },
  { title: 'kernel', text: ({ kernel }) => kernel },
  { title: 'how', text: ({ how }) => how ?? '' },
  { title: 'target', text: ({ target }) => target },
  {
    title: 'shared out',
    text: ({ split, threads, beside }) =>
      `${split ?? (threads === 1 ? 'one thread' : '')}${beside === null ? '' : `, beside ${beside}`}`,
  },
];
const PREDICTED: Column[] = [
  { title: 'threads', text: ({ threads }) => (threads > 0 ? String(threads) : '') },
  { title: 'Mflop', text: ({ flop }) => (flop > 0 ? scaled(flop, 1e6) : '') },
  { title: 'KiB', text: ({ bytes }) => scaled(bytes, 1024) },
  { title: 'GFLOP/s predicted', text: (op) => rounded(op.predictedGflops) },
];
const MEASURED: Column[] = [
  { title: 'measured', text: (op) => rounded(op.measuredGflops) },
  { title: 'µs', text: (op) => scaled(op.measuredSeconds ?? 0, 1e-6) },
];

function gflops(flop: number, seconds: number | null): number | null {
  return seconds !== null && flop > 0 ? flop / seconds / 1e9 : null;
}

function rounded(value: number | null): string {
  return value === null ? '' : value.toFixed(1);
}

function scaled(value: number, unit: number): string {
  return (value / unit).toFixed(value < 100 * unit ? 1 : 0);
}

/** See `Model.explain`. */
export function explain(core: ModelCore, options: ExplainOptions = {}): Explanation {
  const question = questionOf(core, 'explain', parseOptions('explain', FIELDS, options));
  return new Explanation(
    native(() => core.engine.explain(...planOf(question))),
    question.settings,
  );
}

/** See `Model.measure`. */
export async function measure(core: ModelCore, options: MeasureOptions = {}): Promise<Explanation> {
  const call = parseOptions('measure', { ...FIELDS, signal: optional(signal()) }, options);
  const question = questionOf(core, 'measure', call);
  return withSignal(
    call.signal,
    async (cancel) =>
      new Explanation(
        await nativeAsync(() => core.engine.measure(...planOf(question), cancel)),
        question.settings,
      ),
  );
}

/** Which plan, and how it is to run. */
interface Question {
  kind: 'predict' | 'train';
  rows: number;
  steps: number;
  settings: Settings;
}

function questionOf(core: ModelCore, what: string, call: Parsed<typeof FIELDS>): Question {
  if (call.mode === 'train') core.requireCompiled(`${what} with mode 'train'`);
  const fixed = core.inputs.find(({ sequence }) => sequence)?.shape[1];
  const settings = settingsOf(core, call);
  return { kind: call.mode, rows: call.batch, steps: fixed ?? call.steps, settings };
}

/** As the engine is asked for it. */
function planOf({ kind, rows, steps, settings }: Question) {
  const { device, memory, precision, strict } = settings;
  return [kind, rows, steps, resolveDevice(device), memory, precision, strict] as const;
}
