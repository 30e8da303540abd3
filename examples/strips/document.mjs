// docs/examples/strips.md from examples/results/strips.json.
import { on } from '../../bench/machine.mjs';
import { table } from '../../bench/markdown.mjs';
import { count, mean, meanCurve, percent } from '../figures.mjs';
import { curves, standalone } from '../page.mjs';

export function render(result) {
  const { epochs, strips, parameters, runs } = result;
  const average = (name) => mean(runs.map((run) => run[name]));
  const row = (what, { digitsRight, stripsRight, seconds }) => [
    what,
    percent(digitsRight, 2),
    percent(stripsRight),
    seconds.toFixed(1),
    (seconds / epochs).toFixed(2),
  ];
  const all = {
    digitsRight: average('digitsRight'),
    stripsRight: average('stripsRight'),
    seconds: average('seconds'),
  };
  return {
    markdown: [
      '# Strips of digits, from left to right',
      'A strip holds three to six handwritten digits side by side, as many as it happens to be, with gaps of 0 to 8 columns and moved up or down by up to 3 rows: 35 to 160 columns of 28 pixels. Two convolutions look at each column with its neighbours, a GRU walks along the columns in both directions, and each column gets a label: a digit in the middle half of its columns, blank elsewhere. Columns between two blanks are one digit: the one with the highest sum of scores. Strips are as long as they are; their lengths go with the data.',
      'Training strips are composed of training images alone, validation and test strips of validation and test images (the parts are those of [digits](digits.md)).',
      '```\nnpm run example:strips               # one seed\nnpm run example:strips -- --record   # all of this page\n```',
      'The code: [train.mjs](../../examples/strips/train.mjs) (model and training), [data.mjs](../../examples/strips/data.mjs) (strips, labels, lengths), [reading.mjs](../../examples/strips/reading.mjs) (from labels to digits).',
      '## Result',
      `${on(result)} ${count(strips.train)} strips to train, ${strips.validation} to validate, ${count(strips.test)} to test; ${count(parameters)} parameters; ${epochs} epochs, batches of 16. Digits right: 1 − edits / digits, where edits are the least number of digits to replace, insert or delete. Time includes validation.`,
      table(
        ['', 'digits right', 'strips without a mistake', 'seconds of training', 'seconds an epoch'],
        [...runs.map((run) => row(`seed ${run.seed}`, run)), row('mean', all)],
      ),
      '![Share of columns with the right label by epoch](strips.svg)',
      'Share of columns with the right label, mean of the seeds: of training during an epoch (with dropout), of validation after it. Where the middle half of a digit begins and ends is a matter of taste, so that this share is lower than that of digits.',
      '![Strips and what was read](strips-read.svg)',
      `The first test strips that were read without and with a mistake (seed ${runs[0].seed}).`,
    ],
    plots: {
      'strips.svg': standalone(
        curves(
          {
            training: meanCurve(runs.map(({ accuracy }) => accuracy)),
            validation: meanCurve(runs.map(({ validation }) => validation)),
          },
          '%',
        ),
      ),
    },
  };
}
