// `sluice inspect`: what is in a model file.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { shapeText } from '../errors.js';
import { type FileReport, reportFile } from '../model/fileReport.js';
import { table } from '../model/table.js';
import { byteText, pairs, printable, writeJson, writeLines } from './output.js';

const HELP = `
Exit code 1 for a file that cannot be read or is no valid model. --json has everything, also the
options of each layer and all statistics of normalization layers.

Example:
  npx sluice inspect weather.safetensors
  npx sluice inspect weather.safetensors --json | jq .totals.parameters`;

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('show what is in a model file')
    .argument('<file>', 'a model that was saved with model.save')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (file: string, { json }: { json?: boolean }) => {
      const report = { file, ...reportFile(await readFile(file)) };
      if (json) writeJson(report);
      else writeLines(text(report));
    });
}

function text(report: FileReport & { file: string }): string[] {
  const { totals, writer } = report;
  const written = writer === null ? '' : `, written by sluice ${printable(writer)}`;
  const frozen = totals.parameters - totals.trainable;
  return [
    `${printable(report.file)}: ${byteText(report.bytes)}, format ${report.format}${written}`,
    ...pairs([
      ['model', `${printable(report.name)} (seed ${report.seed})`],
      ['inputs', report.inputs.map((i) => `${printable(i.name)} ${shapeText(i.shape)} ${i.dtype}`)],
      ['outputs', report.outputs.map(outputText)],
      ['parameters', `${grouped(totals.parameters)}, ${grouped(frozen)} of them not trainable`],
      ['compiled', compiledText(report.compiled)],
      ...Object.entries(report.metadata).map(
        ([key, value]) => [printable(key), printable(value)] as const,
      ),
    ]),
    '',
    ...layerTable(report),
    ...(report.parameters.length > 0 ? ['', ...parameterTable(report)] : []),
    ...(report.normalization.length > 0 ? ['', ...normalizationTable(report)] : []),
  ];
}

function outputText({ name, layer, shape }: FileReport['outputs'][number]): string {
  const of = name === layer ? '' : ` (of ${printable(layer)})`;
  return `${printable(name)} ${shapeText(shape)}${of}`;
}

/** `adam, learning rate 0.001; loss meanSquaredError; metrics meanAbsoluteError` */
function compiledText(compiled: FileReport['compiled']): string {
  if (compiled === null) return 'no';
  const { optimizer, losses, metrics } = compiled;
  const names = (list: readonly { kind: string }[]) => list.map(({ kind }) => kind).join(', ');
  const measured = metrics.flat();
  return [
    `${optimizer.kind}, learning rate ${optimizer.learningRate}`,
    `loss ${names(losses)}`,
    ...(measured.length > 0 ? [`metrics ${names(measured)}`] : []),
  ].join('; ');
}

function layerTable({ layers }: FileReport): string[] {
  const rows = layers.map(({ name, kind, inputs, outputs, parameters }) => [
    `${printable(name)} (${printable(kind)})`,
    printable(inputs.join(' ')),
    outputs.map(shapeText).join(' '),
    grouped(parameters),
  ]);
  return [table(['Layer', 'Reads', 'Output shape', 'Parameters'], rows, 1)];
}

function parameterTable({ parameters }: FileReport): string[] {
  const hasNonFinite = parameters.some(({ nonFinite }) => nonFinite > 0);
  const rows = parameters.map(({ name, shape, dtype, trainable, min, max, mean, nonFinite }) => [
    printable(name),
    shapeText(shape),
    dtype,
    trainable ? 'yes' : 'no',
    ...[min, max, mean].map(numberText),
    ...(hasNonFinite ? [grouped(nonFinite)] : []),
  ]);
  const head = ['Parameter', 'Shape', 'Type', 'Trainable', 'Min', 'Max', 'Mean'];
  return [table([...head, ...(hasNonFinite ? ['Not finite'] : [])], rows, hasNonFinite ? 4 : 3)];
}

const FEATURES_SHOWN = 8;

function normalizationTable({ normalization }: FileReport): string[] {
  const rows = normalization.flatMap(({ layer, mean, variance }) => {
    const shown = mean
      .slice(0, FEATURES_SHOWN)
      .map((value, i) => [
        printable(layer),
        String(i),
        numberText(value),
        numberText(variance[i] ?? null),
      ]);
    const left = mean.length - shown.length;
    return left > 0 ? [...shown, [printable(layer), `${left} more`, '', '']] : shown;
  });
  return [table(['Normalization', 'Feature', 'Mean', 'Variance'], rows, 3)];
}

function numberText(value: number | null): string {
  return value === null ? '-' : String(Number(value.toPrecision(4)));
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
