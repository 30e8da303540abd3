// A project of a user's: an empty folder outside of the checkout, so that nothing in there can stand
// in for what the package lacks, and the programs of test/install.
import { cpSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, StepFailed } from '../bootstrap/report.mjs';
import { mb } from './binaries.mjs';
import { run } from './npm.mjs';

const MOST_MEGABYTES_INSTALLED = 40;
/** Each way in which TypeScript may look for the types, with what a project of that kind sets. */
const COMPILERS = [
  { module: 'node16', moduleResolution: 'node16', lib: ['es2022'], types: ['node'] },
  { module: 'esnext', moduleResolution: 'bundler', lib: ['es2022', 'dom'], types: [] },
];

export function makeConsumer(folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "private": true }\n');
  cpSync(join(ROOT, 'test', 'install'), folder, { recursive: true });
  return folder;
}

/** What has to work in a project: programs of test/install, and the command line as npm links it. */
export const PROGRAMS = [
  ...['esm.mjs', 'cjs.cjs', 'instance.mjs'].map((program) => ['node', program]),
  ['node_modules/.bin/sluice', 'doctor'],
];

export function runPrograms(folder) {
  for (const command of PROGRAMS) run(command, { cwd: folder });
}

/** Compiles a TypeScript program against the installed types; these are checked themselves. */
export function compileTypes(folder) {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  for (const options of COMPILERS) {
    const project = {
      compilerOptions: {
        ...options,
        ...{ target: 'es2022', strict: true, noEmit: true, skipLibCheck: false },
        typeRoots: [join(ROOT, 'node_modules', '@types')],
      },
      files: ['types.mts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project));
    run([process.execPath, tsc, '-p', '.'], {
      cwd: folder,
      title: `tsc with moduleResolution ${options.moduleResolution}`,
    });
  }
}

/** The bytes of all that npm installed, dependencies included. */
export function installedBytes(folder) {
  const modules = join(folder, 'node_modules');
  const bytes = readdirSync(modules, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => lstatSync(join(entry.parentPath ?? entry.path, entry.name)).size)
    .reduce((sum, size) => sum + size, 0);
  if (bytes > MOST_MEGABYTES_INSTALLED * 1e6) {
    throw new StepFailed(
      `the installed package has ${mb(bytes)} with its dependencies; the limit is ${MOST_MEGABYTES_INSTALLED} MB`,
    );
  }
  return bytes;
}
