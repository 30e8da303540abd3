// Holds the binaries in prebuilds/<platform>-<arch> to what the package promises of them
// (package/binaries.mjs). Prints every violation; exits with 1 when there is one.
//   node scripts/check-prebuild.mjs [FOLDER]   another folder than this platform's
import { join, relative, resolve } from 'node:path';
import { ROOT, runMain } from './bootstrap/report.mjs';
import { checkBinaries, mb } from './package/binaries.mjs';

await runMain(async () => {
  const folder = resolve(
    process.argv[2] ?? join(ROOT, 'prebuilds', `${process.platform}-${process.arch}`),
  );
  const { errors, floor, sizes } = checkBinaries(folder);
  for (const line of errors) console.error(`error: ${line}`);
  for (const { name, bytes } of sizes)
    console.log(`${relative(ROOT, join(folder, name))}: ${mb(bytes)}`);
  if (errors.length === 0) console.log(`runs on systems with glibc ${floor} or newer`);
  process.exitCode = errors.length === 0 ? 0 : 1;
});
