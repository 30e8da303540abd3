// The peers, and how a driver process is spoken to.
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(`drivers/${name}`, import.meta.url));

/** Drivers that can run here; a missing peer is reported with the reason. */
export function findDrivers() {
  const found = [{ name: 'sluice', command: process.execPath, args: [path('sluice.mjs')] }];
  const python = process.env.SLUICE_BENCH_PYTHON ?? 'python3';
  const probe = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], {
    encoding: 'utf8',
  });
  const missing = [];
  if (probe.status === 0) {
    found.push({
      name: `PyTorch ${probe.stdout.trim()}`,
      command: python,
      args: [path('pytorch.py')],
    });
  } else {
    missing.push(`PyTorch: ${python} cannot import torch (set SLUICE_BENCH_PYTHON)`);
  }
  return { found, missing };
}

/** One driver process with one case. `run(n)` gives the median milliseconds of n iterations. */
export async function start({ name, command, args }, benchCase) {
  const env = { ...process.env, OMP_NUM_THREADS: String(benchCase.threads) };
  const child = spawn(command, [...args, JSON.stringify(benchCase)], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended early`);
    return value;
  };
  await next();
  return {
    async run(count) {
      child.stdin.write(`run ${count}\n`);
      return Number(await next());
    },
    stop: () => child.stdin.end(),
  };
}
