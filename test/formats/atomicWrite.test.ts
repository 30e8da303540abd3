// Files are written as a whole or not at all.
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAtomically } from '../../lib/formats/atomicWrite.js';
import { failureOf } from '../support/failure.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const chunks = [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)];

describe('writeAtomically', () => {
  it('joins the chunks, replaces an older file, and leaves nothing else', async () => {
    const path = join(folder, 'model');
    await writeFile(path, 'older and longer');
    await writeAtomically(path, chunks);
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    expect(await readdir(folder)).toEqual(['model']);
  });

  it('leaves the older file where it fails', async () => {
    const path = join(folder, 'model');
    await writeFile(path, 'older');
    const broken = [...chunks, null as unknown as Uint8Array];
    expect(await failureOf(writeAtomically(path, broken))).toBeInstanceOf(Error);
    expect(await readFile(path, 'utf8')).toBe('older');
    expect(await readdir(folder)).toEqual(['model']);
  });

  it('leaves nothing where the target is a folder or there is none', async () => {
    await mkdir(join(folder, 'taken'));
    const onFolder = writeAtomically(join(folder, 'taken'), chunks);
    expect(await failureOf(onFolder)).toMatchObject({ code: expect.stringMatching(/^E/) });
    const nowhere = writeAtomically(join(folder, 'no', 'model'), chunks);
    expect(await failureOf(nowhere)).toMatchObject({ code: 'ENOENT' });
    expect(await readdir(folder)).toEqual(['taken']);
    expect((await stat(join(folder, 'taken'))).isDirectory()).toBe(true);
  });

  it('lets many writers of one path leave one whole file', async () => {
    const path = join(folder, 'model');
    const contents = Array.from({ length: 8 }, (_, i) => new Uint8Array(1000).fill(i));
    await Promise.all(contents.map((content) => writeAtomically(path, [content])));
    const read = await readFile(path);
    expect(read).toHaveLength(1000);
    expect(new Set(read).size).toBe(1);
    expect(await readdir(folder)).toEqual(['model']);
  });
});
