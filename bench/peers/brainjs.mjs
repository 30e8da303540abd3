// brain.js: GRUTimeStep takes one sequence after the other, predicts the next step at each one, and has
// an optimizer of its own, so that its time alone can be compared.
import brain from 'brain.js';
import { seeds, values } from '../drivers/data.mjs';
import { serve } from '../drivers/protocol.mjs';

serve(({ batch, steps, features, units }) => {
  const net = new brain.recurrent.GRUTimeStep({
    inputSize: features,
    hiddenLayers: [units],
    outputSize: features,
  });
  const x = values(batch * steps * features, seeds.x);
  const row = (i) => Array.from(x.subarray(i * features, (i + 1) * features));
  const sequences = Array.from({ length: batch }, (_, b) =>
    Array.from({ length: steps }, (_, t) => row(b * steps + t)),
  );
  return { iterate: () => net.train(sequences, { iterations: 1, log: false }) };
});
