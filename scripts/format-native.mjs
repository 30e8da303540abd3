// Formats the C++ sources with clang-format; --check only reports. The layout of a few constructs
// differs between major versions, so the reference version is preferred where it is installed.
//   node scripts/format-native.mjs [--check] [FOLDER]   another tree than this one (for its own tests)
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const ROOT = resolve(process.argv.slice(2).find((argument) => argument !== '--check') ?? HERE);
const REFERENCE_VERSION = 14;

function findClangFormat() {
  const candidates = [
    process.env.CLANG_FORMAT,
    `clang-format-${REFERENCE_VERSION}`,
    'clang-format',
  ];
  for (const program of candidates) {
    if (!program) continue;
    const answer = spawnSync(program, ['--version'], { encoding: 'utf8' });
    if (answer.status === 0) {
      return { program, version: Number(/version (\d+)/.exec(answer.stdout)?.[1]) };
    }
  }
  throw new Error('clang-format was not found; install it, or name it in CLANG_FORMAT');
}

function sources() {
  return ['native', 'test/native', 'bench/native', 'bench/cuda', 'bench/onednn']
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(cc|h|hpp|cu|cuh)$/.test(name))
        .map((name) => join(folder, name)),
    );
}

const { program, version } = findClangFormat();
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const { status } = spawnSync(program, [...mode, ...sources()], { cwd: ROOT, stdio: 'inherit' });
if (status !== 0 && version !== REFERENCE_VERSION) {
  console.error(
    `note: this is clang-format ${version}; the sources are kept in the layout of version ` +
      `${REFERENCE_VERSION}`,
  );
}
process.exitCode = status ?? 1;
