// What an installed package has to do, given its exports: train, predict, save, load, stream, and
// explain its errors. Run by scripts/check-install.mjs in a folder with nothing but the package.
const assert = require('node:assert/strict');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const [rows, steps, features] = [32, 12, 3];

async function exercise(sluice) {
  const { layers, load, sequential, SluiceError, tensor } = sluice;
  const x = tensor(
    Float32Array.from({ length: rows * steps * features }, (_, i) => Math.sin(i / 7)),
    [rows, steps, features],
  );
  const y = tensor(
    Float32Array.from({ length: rows }, (_, i) => Math.sin(((i + 1) * steps * features) / 7)),
    [rows, 1],
  );
  const model = sequential([layers.gru({ units: 16 }), layers.dense({ units: 1 })], {
    inputShape: [null, features],
    seed: 1,
  });
  model.compile({ optimizer: 'adam', loss: 'mse' });
  const { history } = await model.fit(x, y, { epochs: 20, batchSize: 8 });
  assert.ok(history.loss.at(-1) < history.loss[0] / 2, `the loss: ${history.loss}`);

  const forecast = await model.predict(x);
  assert.deepEqual(forecast.shape, [rows, 1]);
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  try {
    await model.save(join(folder, 'model.safetensors'));
    const again = await load(join(folder, 'model.safetensors'));
    assert.deepEqual((await again.predict(x)).data, forecast.data);
    const session = again.stream();
    const out = new Float32Array(1);
    for (let step = 0; step < steps; step++) {
      session.push(x.data.subarray(step * features, (step + 1) * features), out);
    }
    assert.equal(out[0], forecast.at(0, 0));
  } finally {
    rmSync(folder, { recursive: true });
  }

  const wrong = tensor(new Float32Array(rows * steps), [rows, steps, 1]);
  await assert.rejects(model.predict(wrong), (error) => {
    assert.ok(error instanceof SluiceError);
    assert.equal(error.code, 'SHAPE_MISMATCH');
    return true;
  });
  assert.ok(sluice.devices().some(({ name, available }) => name === 'cpu' && available));
  assertPrebuilt();
}

/** The addon, and OpenMP beside it, are those of the package and not the system's. */
function assertPrebuilt() {
  if (process.platform !== 'linux') return;
  const maps = readFileSync('/proc/self/maps', 'utf8');
  const mapped = new Set(maps.match(/\/\S*(?:\.node|libgomp\.so[.\d]*|libhwy\.so[.\d]*)$/gm));
  assert.ok(mapped.size >= 3, `mapped: ${[...mapped].join(', ')}`);
  const ours = join('node_modules', 'sluice', 'prebuilds');
  for (const file of mapped) assert.ok(file.includes(ours), `${file} is not in ${ours}`);
}

module.exports = { exercise };
