#!/usr/bin/env node
// What prebuildify runs in the place of node-gyp (its option --node-gyp): `rebuild --target=...
// --arch=...`. The addon is built by this project's own build (cmake-js), and is one for every Node:
// it needs Node-API alone, whose headers are in node-api-headers, so that --target does not matter.
// prebuildify then takes *.node and *.so.* out of build/Release of the folder that it works in. It
// moves the addon, so it gets a copy, and with it the shared libraries that machines may lack.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT, runMain, StepFailed, WrongArguments } from '../bootstrap/report.mjs';
import { librariesToBring } from './libraries.mjs';

const ADDON = join(ROOT, 'build', 'Release', 'sluice.node');

await runMain(async () => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    strict: false, // --devdir and the like are about headers that are not downloaded
    options: { arch: { type: 'string', default: process.arch } },
  });
  if (positionals[0] !== 'rebuild') {
    throw new WrongArguments(`expected the command rebuild, received ${positionals[0]}`);
  }
  if (values.arch !== process.arch) {
    throw new StepFailed(`this machine compiles for ${process.arch}, not for ${values.arch}`);
  }
  execFileSync(
    process.execPath,
    [join(ROOT, 'scripts', 'bootstrap.mjs'), '--quiet', '--for', 'native'],
    {
      stdio: 'inherit',
    },
  );
  const folder = join(process.cwd(), 'build', 'Release');
  mkdirSync(folder, { recursive: true });
  copyFileSync(ADDON, join(folder, basename(ADDON)));
  for (const { name, file } of librariesToBring(ADDON)) copyFileSync(file, join(folder, name));
});
