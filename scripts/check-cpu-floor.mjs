// Runs the prebuilt addon on emulated old CPUs (qemu-user): test/install/cpu-floor.mjs trains,
// predicts and streams, and holds the results to the reference device. An instruction that a CPU
// lacks ends the process with SIGILL. Where qemu is not installed, the check is skipped with a
// message. Prints a line for each CPU: what Highway and OpenBLAS picked there. On one CPU for each
// instruction set, the native tests that hold the kernels to the reference run as well.
//   node scripts/check-cpu-floor.mjs [CPU...]   other CPUs (qemu-x86_64 -cpu help)
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runMain, StepFailed, secondsSince } from './bootstrap/report.mjs';

const QEMU = 'qemu-x86_64';
const PROGRAM = join(ROOT, 'test', 'install', 'cpu-floor.mjs');
const PREBUILT = join(ROOT, 'prebuilds', 'linux-x64');
const TESTS = join(ROOT, 'build', 'tests', 'sluice_tests');
const TEST_FILTER =
  '*CpuGruGrid.Follows*:Dense.Follows*/cpu:CpuGemm.Multiplies*:Activation*/cpu:CpuTarget*';
/** By CPU, the best instruction set that kernels find there; qemu-user 7 emulates no AVX-512. */
const TESTED = { Nehalem: 'SCALAR', Westmere: 'SSE4', Haswell: 'AVX2' };
const CPUS = [
  'qemu64,-pni', // the first x86-64: SSE2 and no more
  'qemu64', // an Opteron by its name, as virtual machines have it, and no 3DNow!
  'kvm64', // a Pentium 4
  'Conroe', // Core 2: SSSE3
  'Nehalem', // SSE4.2
  'Westmere', // and AES, which Highway's SSE4 wants
  'SandyBridge', // AVX
  'Opteron_G5', // Piledriver: AVX and FMA, no AVX2
  'Haswell', // AVX2 and FMA
  'EPYC', // the same by AMD
];

function prebuiltAddon() {
  const name = existsSync(PREBUILT) && readdirSync(PREBUILT).find((file) => file.endsWith('.node'));
  if (!name) throw new StepFailed('there is no prebuilt addon yet: npm run make:prebuild');
  return join(PREBUILT, name);
}

function emulate(cpu, env, program, ...args) {
  return spawnSync(QEMU, ['-cpu', cpu, program, ...args], {
    encoding: 'utf8',
    cwd: ROOT,
    env: { ...process.env, ...env },
  });
}

/** What went wrong, in one line. qemu warns of features that it cannot emulate: no news here. */
function complaint({ signal, status, stderr }) {
  if (signal) return signal;
  const lines = stderr.split('\n').filter((line) => !/^qemu-x86_64: warning|^$/.test(line));
  return lines.find((line) => /Error|signal/.test(line)) ?? lines.at(-1) ?? `exit code ${status}`;
}

function runTests(cpu, target) {
  const started = performance.now();
  const args = ['--gtest_brief=1', `--gtest_filter=${TEST_FILTER}`];
  const answer = emulate(cpu, { SLUICE_TARGET: target }, TESTS, ...args);
  const count = /(\d+) tests? from/.exec(answer.stdout)?.[1];
  if (answer.status === 0) {
    console.log(`${cpu}: ${count} native tests passed with ${target} (${secondsSince(started)})`);
  } else {
    console.error(`error: ${cpu}, native tests: ${complaint(answer)}\n${answer.stdout}`);
    process.exitCode = 1;
  }
}

await runMain(async () => {
  if (process.arch !== 'x64' || process.platform !== 'linux') {
    console.log(`CPU floor: skipped, it is about linux-x64`);
    return;
  }
  if (spawnSync(QEMU, ['--version']).status !== 0) {
    console.log(
      `CPU floor: skipped, there is no ${QEMU} (Debian, Ubuntu: apt-get install qemu-user)`,
    );
    return;
  }
  const addon = { SLUICE_ADDON_PATH: prebuiltAddon() };
  const chosen = process.argv.slice(2);
  for (const cpu of chosen.length > 0 ? chosen : CPUS) {
    const started = performance.now();
    const node = emulate(cpu, {}, process.execPath, '-e', '0');
    if (node.status !== 0) {
      console.log(`${cpu}: Node itself does not run there (${complaint(node)})`);
      continue;
    }
    const answer = emulate(cpu, addon, process.execPath, PROGRAM);
    if (answer.status === 0) {
      console.log(`${cpu}: ${answer.stdout.trim()} (${secondsSince(started)})`);
    } else {
      console.error(`error: ${cpu}: ${complaint(answer)}`);
      process.exitCode = 1;
    }
    if (Object.hasOwn(TESTED, cpu)) runTests(cpu, TESTED[cpu]);
  }
});
