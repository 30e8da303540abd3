// Packs the package and holds the tarball to what is promised of it: its files, its size, the
// prebuilt binaries in it, and what publint and arethetypeswrong know of package.json and types.
// Prints every violation; exits with 1 when there is one.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { ROOT, runMain } from './bootstrap/report.mjs';
import { checkBinaries, mb } from './package/binaries.mjs';
import { checkContents, PROMISED_PREBUILDS } from './package/contents.mjs';
import { pack, readManifest, unpack } from './package/tarball.mjs';

const FOLDER = join(ROOT, 'build', 'package');
const MOST_MEGABYTES = { packed: 4, unpacked: 12 };

function sizeErrors({ bytes, unpackedBytes }) {
  return [
    { what: 'the tarball', bytes, limit: MOST_MEGABYTES.packed },
    { what: 'the unpacked package', bytes: unpackedBytes, limit: MOST_MEGABYTES.unpacked },
  ]
    .filter((size) => size.bytes > size.limit * 1e6)
    .map((size) => `${size.what} has ${mb(size.bytes)}; the limit is ${size.limit} MB`);
}

async function publintErrors({ file }) {
  const tarball = new Uint8Array(readFileSync(file)).buffer;
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  return messages
    .filter(({ type }) => type !== 'suggestion')
    .map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`);
}

/** Whether TypeScript finds the types in every way of resolving modules, and the right ones. */
function typeErrors({ file }) {
  const program = join(ROOT, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
  const options = ['--format', 'ascii', '--no-color', '--no-emoji'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, file, ...options], {
    encoding: 'utf8',
  });
  return status === 0 ? [] : [`arethetypeswrong:\n${stdout}${stderr}`];
}

await runMain(async () => {
  const tarball = pack(FOLDER);
  const content = unpack(tarball, join(FOLDER, 'content'));
  const binaries = PROMISED_PREBUILDS.map((platform) =>
    checkBinaries(join(content, 'prebuilds', platform)),
  );
  const errors = [
    ...checkContents({
      names: tarball.names,
      manifest: readManifest(content),
      read: (name) => readFileSync(join(content, name), 'utf8'),
    }),
    ...sizeErrors(tarball),
    ...binaries.flatMap((report) => report.errors),
    ...(await publintErrors(tarball)),
    ...typeErrors(tarball),
  ];
  rmSync(join(FOLDER, 'content'), { recursive: true });
  for (const line of errors) console.error(`error: ${line}`);
  const { names, bytes, unpackedBytes } = tarball;
  console.log(
    `package: ${names.length} files, tarball ${mb(bytes)}, unpacked ${mb(unpackedBytes)}, glibc ${binaries.map(({ floor }) => floor).join(', ')} or newer`,
  );
  process.exitCode = errors.length === 0 ? 0 : 1;
});
