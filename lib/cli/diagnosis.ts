// What `sluice doctor` finds, as plain data.
import os from 'node:os';
import { whatToDo } from '../addon/notFound.js';
import { type Attempt, libcFamily, type Place } from '../addon/places.js';
import { type ThreadInfo, threads } from '../model/machine.js';
import {
  type Addon,
  addonSearch,
  type CpuInfo,
  cudaSearch,
  type DeviceInfo,
  native,
  PACKAGE_ROOT,
  packageVersion,
} from '../native.js';

export interface Diagnosis {
  sluice: { version: string; root: string };
  node: { version: string; abi: string; napi: string; executable: string };
  system: {
    platform: string;
    arch: string;
    kernel: string;
    /** Null where the system has no such choice. */
    libc: { family: string; version: string | null } | null;
    processor: string;
    processors: number;
  };
  addon: {
    /** Null where none could be loaded; then what only the addon knows is null as well. */
    loaded: { place: Place; file: string } | null;
    places: Attempt[];
    build: { version: string; compiler: string; napi: number } | null;
  };
  /** Where the CUDA library was looked for; what was found in it is among `devices`. */
  cuda: {
    loaded: { place: Place; file: string } | null;
    places: Attempt[];
  } | null;
  /** Instruction sets and BLAS; null in a build without the CPU backend too. */
  cpu: CpuInfo | null;
  threads: (ThreadInfo & { reason: string }) | null;
  memory: { limit: number; available: number; source: string } | null;
  devices: DeviceInfo[] | null;
  /** Whether models can run on the device that they run on unless told otherwise. */
  ready: boolean;
  /** What to do where they cannot, line by line. */
  advice: string[];
}

export function diagnose(): Diagnosis {
  const { loaded, attempts } = addonSearch();
  const { addon, ...found } = loaded ? askAddon() : NOTHING;
  const cpu = found.devices?.find(({ name }) => name === 'cpu');
  const ready = cpu?.available === true;
  return {
    sluice: { version: packageVersion(), root: PACKAGE_ROOT },
    node: {
      version: process.version,
      abi: process.versions.modules,
      napi: process.versions.napi ?? '',
      executable: process.execPath,
    },
    system: {
      platform: process.platform,
      arch: process.arch,
      kernel: os.release(),
      libc: libc(),
      processor: os.cpus()[0]?.model.trim() ?? '',
      processors: os.cpus().length,
    },
    addon: { loaded, places: attempts, build: addon },
    ...found,
    ready,
    advice: ready ? [] : adviceFor(loaded !== null, attempts, cpu),
  };
}

const NOTHING = { addon: null, cuda: null, cpu: null, threads: null, memory: null, devices: null };

function askAddon() {
  const count = threads();
  const cuda = cudaSearch();
  return native((addon) => ({
    addon: addon.buildInfo(),
    cuda: { loaded: cuda.loaded, places: cuda.attempts },
    cpu: addon.cpu(),
    threads: { ...count, reason: reasonOf(count) },
    memory: addon.memory(),
    devices: addon.devices().map((device) => tried(addon, device)),
  }));
}

/** That a GPU is there does not say that it can be used. */
function tried(addon: Addon, device: DeviceInfo): DeviceInfo {
  if (!device.available) return device;
  try {
    addon.requireDevice(device.name);
    return device;
  } catch (error) {
    return { ...device, available: false, description: (error as Error).message };
  }
}

function adviceFor(isLoaded: boolean, attempts: Attempt[], cpu?: DeviceInfo): string[] {
  if (!isLoaded) return whatToDo(PACKAGE_ROOT, attempts);
  return [
    `Models run on the cpu unless told otherwise, and it is not available: ${cpu?.description}`,
  ];
}

function reasonOf({ count, affinity, cgroupQuota, requested }: ThreadInfo): string {
  if (requested !== null) return `setThreads(${requested})`;
  if (cgroupQuota !== null && count < affinity) {
    return `the container's CPU quota is ${Number(cgroupQuota.toFixed(2))} of ${affinity} processors`;
  }
  return `the processors that this process may run on`;
}

function libc(): Diagnosis['system']['libc'] {
  const family = libcFamily();
  return family ? { family, version: family === 'glibc' ? glibcVersion() : null } : null;
}

function glibcVersion(): string | null {
  const { report } = process as { report?: { excludeNetwork?: boolean; getReport(): unknown } };
  if (!report) return null;
  // Else it looks up the names of all peers of open connections.
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime ?? null;
}
