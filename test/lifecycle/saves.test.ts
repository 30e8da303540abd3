// A file that is saved is the old one or the new one, wherever the process dies: it is ended before,
// in the middle of and after each of the operations of which saving consists.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'sluice';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript
import { run } from '../support/child.mjs';

const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
const path = join(folder, 'model.safetensors');
afterAll(() => rmSync(folder, { recursive: true }));

/** Two models of the same layers: `old` and `new`. */
const MODELS = `
const path = ${JSON.stringify(path)};
const older = build(), newer = build();
newer.setWeights(Object.fromEntries(Object.entries(older.getWeights()).map(
  ([name, { data, shape }]) => [name, tensor(data.map((value) => value + 1), shape)])));
`;

/**
 * Numbers the operations on files and calls \`end\` in the middle of number \`at\`: of a write when half of
 * the bytes are there. What is written to the system stays, as with a process that is killed.
 */
const SABOTAGE = `
function sabotage(at, end) {
  const fs = require('node:fs/promises');
  const operations = [];
  const wrap = (object, name, half) => {
    const original = object[name];
    object[name] = async function (...arguments_) {
      operations.push(name);
      if (operations.length - 1 === at) {
        await half?.call(this, ...arguments_);
        end();
        // An exit that takes its time must not find the rest done.
        await new Promise(() => {});
      }
      return original.apply(this, arguments_);
    };
  };
  const open = fs.open;
  return open(path, 'r').then(async (handle) => {
    const prototype = Object.getPrototypeOf(handle);
    await handle.close();
    const write = prototype.write;
    wrap(fs, 'open');
    wrap(fs, 'rename');
    wrap(prototype, 'sync');
    wrap(prototype, 'write', function (chunk, offset) {
      return write.call(this, chunk, offset, Math.ceil((chunk.byteLength - offset) / 2));
    });
    return operations;
  });
}
`;

describe('saving over a file', () => {
  let old: Buffer;
  let fresh: Buffer;
  let operations: string[];

  beforeAll(async () => {
    const { stdout, stderr } = await run(`${MODELS}${SABOTAGE}
      (async () => {
        await newer.save(path);
        const fresh = require('node:fs').readFileSync(path).toString('base64');
        await older.save(path);
        const old = require('node:fs').readFileSync(path).toString('base64');
        const operations = await sabotage(-1);
        await older.save(path);
        console.log(JSON.stringify({ old, fresh, operations }));
      })();`);
    expect(stderr).toBe('');
    const found = JSON.parse(stdout);
    operations = found.operations;
    [old, fresh] = [Buffer.from(found.old, 'base64'), Buffer.from(found.fresh, 'base64')];
  });

  it('consists of what is expected', () => {
    expect(old.equals(fresh)).toBe(false);
    const writes = operations.filter((name) => name === 'write');
    expect(writes.length).toBeGreaterThan(2);
    expect(operations).toEqual(['open', ...writes, 'sync', 'rename', 'open', 'sync']);
  });

  const ends = {
    SIGKILL: `process.kill(process.pid, 'SIGKILL')`,
    SIGTERM: `process.kill(process.pid, 'SIGTERM')`,
    'process.exit': `process.exit(9)`,
    'an uncaught exception': `setImmediate(() => { throw new Error('mine'); })`,
  };

  it.each(Object.entries(ends))('is whole or not done at all after %s', async (name, end) => {
    // A process for each operation would take long; SIGKILL, the hardest end, is tried at all of them.
    const renamed = operations.indexOf('rename');
    const places = name === 'SIGKILL' ? [...operations.keys()] : [1, renamed, renamed + 1];
    for (const at of places) {
      writeFileSync(path, old);
      const { status, signal } = await run(`${MODELS}${SABOTAGE}
        sabotage(${at}, () => { ${end}; }).then(() => newer.save(path));`);
      expect(name).toContain(signal ?? (status === 9 ? 'exit' : status === 1 ? 'exception' : '?'));
      const expected = at <= renamed ? old : fresh;
      expect(readFileSync(path).equals(expected), `${name} at ${operations[at]} (${at})`).toBe(
        true,
      );
    }
    using loaded = await load(path);
    expect(loaded.weights).toHaveLength(8);
  });

  it('is whole when a process that saves again and again is killed', async () => {
    for (let round = 0; round < 3; round++) {
      const { signal, stderr } = await run(
        `${MODELS}
        (async () => {
          for (let i = 0; ; i++) {
            await (i % 2 ? older : newer).save(path);
            if (i === 20) console.log('saves');
          }
        })();`,
        { signal: 'SIGKILL' },
      );
      expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' });
      const file = readFileSync(path);
      expect(file.equals(old) || file.equals(fresh)).toBe(true);
    }
  });

  it('leaves nothing else behind where it could not be done', async () => {
    for (const file of readdirSync(folder)) if (file.endsWith('.tmp')) rmSync(join(folder, file));
    writeFileSync(path, old);
    const { stdout } = await run(`${MODELS}
      const fs = require('node:fs/promises');
      fs.rename = () => Promise.reject(new Error('no rename'));
      newer.save(path).catch((error) => console.log(error.message));`);
    expect(stdout).toBe('no rename\n');
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
    expect(readFileSync(path).equals(old)).toBe(true);
  });
});
