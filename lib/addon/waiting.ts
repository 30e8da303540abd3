/** Set by the user, one of these decides how OpenMP's threads wait. */
const OF_THE_USER = ['OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'];

/**
 * How often a thread of the OpenMP team looks for the next parallel region before it sleeps. libgomp
 * looks 300,000 times, a millisecond or more after each region: in a server that answers a request
 * every ten milliseconds a second processor is then as good as taken (docs/benchmarks.md).
 */
const SPINS = '10000';

/**
 * Calls `load` with the environment in which libgomp, which reads it once, when it is loaded, lets its
 * threads sleep soon. The environment is as before when it returns. In a worker thread it has no
 * effect: `process.env` is a copy there.
 */
export function withSleepingThreads<T>(load: () => T): T {
  if (OF_THE_USER.some((name) => process.env[name] !== undefined)) return load();
  process.env.GOMP_SPINCOUNT = SPINS;
  try {
    return load();
  } finally {
    delete process.env.GOMP_SPINCOUNT;
  }
}
