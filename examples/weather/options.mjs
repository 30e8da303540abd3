// The command line of the demo.
import { integer, range, readOptions } from '../command.mjs';

const HELP = `Usage: npm run demo -- [options]      (or: node examples/weather/main.mjs [options])

Trains a GRU on four years of Seattle's weather and forecasts the maximum temperature of the next
seven days; saves the model and a page with charts.

  --seed N       initial weights and order of the batches (default 0)
  --seeds A-B    train once for each seed and print the mean; the page shows the first
  --epochs N     at most so many epochs (default 100; early stopping ends sooner)
  --out DIR      folder for weather.safetensors and weather.html (default ./out)
  --record DIR   also write what is needed to repeat the run in PyTorch (see pytorch.py)
  --verbose N    0 silent, 1 progress bar, 2 one line an epoch (default 1 on a terminal, else 2)
  --help         this text

Ctrl-C stops after the current batch; a second one at once.
`;

export function demoOptions() {
  return readOptions(
    HELP,
    {
      seed: { type: 'string', default: '0' },
      seeds: { type: 'string' },
      epochs: { type: 'string', default: '100' },
      out: { type: 'string', default: 'out' },
      record: { type: 'string' },
      verbose: { type: 'string', default: process.stderr.isTTY ? '1' : '2' },
    },
    (values) => {
      const seeds =
        values.seeds === undefined ? [integer('seed', values.seed)] : range('seeds', values.seeds);
      if (values.record !== undefined && seeds.length > 1) {
        throw new TypeError('--record: expected a single seed');
      }
      return {
        seeds,
        epochs: integer('epochs', values.epochs, 1),
        verbose: /** @type {0 | 1 | 2} */ (integer('verbose', values.verbose, 0, 2)),
        out: values.out,
        record: values.record,
      };
    },
  );
}
