// The part of docs/benchmarks.md about what options of recurrent layers cost.
import { on } from './machine.mjs';
import { table } from './markdown.mjs';

export function optionTables(result) {
  const { rounds, sizes, options, longSizes, long } = result;
  const counts = Object.keys(options[0].results);
  const title = (count) => (count === '1' ? '1 thread' : `${count} threads`);
  return [
    '## What options cost',
    on(result),
    `A step of training, \`trainOnBatch\` with Adam and mse, of one recurrent layer and dense(1): B${sizes.batch} T${sizes.steps} I${sizes.features} H${sizes.units}. ms, and how many times as long as the plain GRU's; medians of ${rounds} rounds in which all take turns. Rows of lengths: from half of the steps to all of them.`,
    table(
      ['layer', ...counts.map(title)],
      options.map((entry) => [
        nameOf(entry),
        ...counts.map((count) => `${entry.results[count].ms} (${entry.results[count].ratio} ×)`),
      ]),
    ),
    '### Long sequences',
    `The same of \`minGru\` and \`gru\`, B${longSizes.batch} I${longSizes.features} H${longSizes.units}: ms of the minGRU, and its share of the GRU's time.`,
    table(
      ['steps', ...counts.map(title)],
      long.map(({ steps, results }) => [
        steps.toLocaleString('en'),
        ...counts.map((count) => `${results[count].minGru} (${results[count].ratio})`),
      ]),
    ),
  ];
}

function nameOf({ layer, options = {}, padded }) {
  const parts = Object.entries(options).map(([name, value]) => `${name} ${value}`);
  if (padded) parts.push('rows of lengths');
  return [layer, ...parts].join(', ');
}
