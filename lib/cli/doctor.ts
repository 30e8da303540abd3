// `sluice doctor`: what was found on this machine and chosen, and why the rest was not.
import type { Command } from 'commander';
import type { Attempt, Place } from '../addon/places.js';
import type { CpuInfo } from '../native.js';
import { type Diagnosis, diagnose } from './diagnosis.js';
import { byteText, pairs, printable, writeJson, writeLines } from './output.js';

const HELP = `
Exit code 0 where models can run, 1 where the addon does not load or has no usable cpu device; without
a GPU it is 0 as well.

SLUICE_TARGET=NAME, set before the process starts, makes the cpu device use that instruction set; the
names are those under 'target', or AVX512, in any case. OpenBLAS has OPENBLAS_CORETYPE for that.

Example:
  npx sluice doctor
  npx sluice doctor --json > report.json`;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('show what was found on this machine, and why the rest was not')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(({ json }: { json?: boolean }) => {
      const found = diagnose();
      if (json) writeJson(found);
      else writeLines(text(found).map(printable));
      if (!found.ready) process.exitCode = 1;
    });
}

const PLACES: Record<Place, string> = {
  explicit: 'named by the environment',
  package: 'package for this platform',
  prebuilt: 'prebuilt, in this package',
  local: 'compiled here',
};

function text(found: Diagnosis): string[] {
  const { sluice, devices, advice } = found;
  return [
    `sluice ${sluice.version}, in ${sluice.root}`,
    ...section('System', system(found)),
    ...section('Addon', addon(found)),
    ...section('CPU', cpu(found)),
    ...section('CUDA', cuda(found)),
    ...section('Resources', resources(found)),
    ...(devices ? ['', 'Devices'] : []),
    ...(devices ?? []).map(
      ({ name, available, description }) =>
        `  ${name}: ${available ? '' : 'not '}available: ${description}`,
    ),
    ...(advice.length > 0 ? ['', ...advice] : []),
  ];
}

type Rows = [name: string, value: string | string[]][];

function section(title: string, rows: Rows): string[] {
  return rows.length > 0 ? ['', title, ...pairs(rows)] : [];
}

function system({ node, system: { platform, arch, libc, kernel, ...rest } }: Diagnosis): Rows {
  const library = libc ? `, ${libc.family}${libc.version ? ` ${libc.version}` : ''}` : '';
  return [
    ['node', `${node.version} (ABI ${node.abi}, Node-API ${node.napi})`],
    ['platform', `${platform}-${arch}${library}, kernel ${kernel}`],
    ['processor', `${rest.processor}, ${rest.processors} in the system`],
  ];
}

function addon({ addon: { loaded, places, build } }: Diagnosis): Rows {
  const rows: Rows = [['loaded', loaded ? `${loaded.file} (${PLACES[loaded.place]})` : 'none']];
  if (build) {
    rows.push(['built', `sluice ${build.version}, ${build.compiler}, Node-API ${build.napi}`]);
  }
  return [...rows, ...notTaken(places)];
}

function cuda({ cuda: found }: Diagnosis): Rows {
  if (!found) return [];
  const { loaded, places } = found;
  const library = loaded ? `${loaded.file} (${PLACES[loaded.place]})` : 'none';
  return [['library', library], ...notTaken(places)];
}

function notTaken(places: Attempt[]): Rows {
  const others = places.filter(({ status }) => status !== 'taken').map(whyNot);
  return others.length > 0 ? [['not taken', others]] : [];
}

function whyNot({ name, status, reason }: Attempt): string {
  return `${name}: ${status === 'not tried' ? 'not tried, comes after the one loaded' : reason}`;
}

function cpu({ cpu: found, devices }: Diagnosis): Rows {
  if (!found) return devices ? [['target', 'none: this build has no CPU backend']] : [];
  const { unused, blas } = found;
  return [
    ['target', targetText(found)],
    ...(unused.length > 0
      ? ([['', `also here, but not used by this build: ${unused.join(' ')}`]] satisfies Rows)
      : []),
    ['blas', [blas.name, blas.version, blas.build, blas.core].filter(Boolean).join(' ')],
    ...(blas.config ? ([['', blas.config]] satisfies Rows) : []),
  ];
}

function targetText({ target, forced, targets }: CpuInfo): string {
  const others = targets.filter((name) => name !== target).join(' ');
  if (target === null) return `none: SLUICE_TARGET=${forced} cannot be used (here run: ${others})`;
  const why = forced === null ? 'the best of those that run here' : 'forced by SLUICE_TARGET';
  return `${target}, ${why}${others ? ` (others: ${others})` : ''}`;
}

function resources({ threads, memory }: Diagnosis): Rows {
  if (!threads || !memory) return [];
  const { count, affinity, cgroupQuota } = threads;
  const quota = cgroupQuota === null ? 'none' : String(Number(cgroupQuota.toFixed(2)));
  const limit = memory.source === 'machine' ? 'all that the machine has' : `by ${memory.source}`;
  return [
    ['threads', `${count}: ${threads.reason} (affinity ${affinity}, cgroup quota ${quota})`],
    [
      'memory',
      `${byteText(memory.limit)} at most (${limit}), ${byteText(memory.available)} available now`,
    ],
  ];
}
