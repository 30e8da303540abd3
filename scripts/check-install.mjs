// Packs the package, installs the tarball into empty projects as a user would, with install scripts
// disabled and enabled, and runs it there from ESM, CommonJS and TypeScript (test/install).
//   node scripts/check-install.mjs [--root FOLDER]   also in a copy of a bare Debian in FOLDER, made
//                                                    by debootstrap --variant=minbase; as root
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT, runMain } from './bootstrap/report.mjs';
import { checkInBareRoot } from './package/bare-root.mjs';
import { mb } from './package/binaries.mjs';
import { compileTypes, installedBytes, makeConsumer, runPrograms } from './package/consumer.mjs';
import { install, run } from './package/npm.mjs';
import { npmCommand, pack } from './package/tarball.mjs';

const { values } = parseArgs({ options: { root: { type: 'string' } } });

await runMain(async () => {
  const { file: tarball } = pack(join(ROOT, 'build', 'package'));
  const folder = mkdtempSync(join(tmpdir(), 'sluice-install-'));
  // A cache of its own: the first installation fills it, the others are offline in all but name.
  const cache = join(folder, 'cache');
  try {
    for (const scripts of [false, true]) {
      const consumer = makeConsumer(join(folder, scripts ? 'with scripts' : 'without scripts'));
      const seconds = install({ folder: consumer, tarball, cache, scripts });
      runPrograms(consumer);
      if (!scripts) compileTypes(consumer);
      console.log(
        `install scripts ${scripts ? 'enabled' : 'disabled'}: ${seconds.toFixed(1)} s, installed ${mb(installedBytes(consumer))}`,
      );
    }
    if (values.root === undefined) return;
    const registry = run([...npmCommand(), 'config', 'get', 'registry'], { cwd: folder }).trim();
    const { seconds, bytes, report } = checkInBareRoot({
      base: resolve(values.root),
      root: join(folder, 'root'),
      ...{ tarball, cache, registry },
    });
    console.log(`bare Debian: ${seconds.toFixed(1)} s, installed ${mb(bytes)}`);
    console.log(`bare Debian: ${report}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
