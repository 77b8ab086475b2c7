// Runs all benchmarks, or those that are named: npm run bench -- fan-out replay

import { availableParallelism, cpus, release, type } from 'node:os';

interface Benchmark {
  readonly title: string;
  readonly run: () => Promise<void>;
}

const BENCHMARKS: Readonly<Record<string, () => Promise<Benchmark>>> = {
  decoder: () => import('./decoder.ts'),
  client: () => import('./client.ts'),
  publish: () => import('./publish.ts'),
  publisher: () => import('./publisher.ts'),
  leases: () => import('./leases.ts'),
  latest: () => import('./latest.ts'),
  retention: () => import('./retention.ts'),
  patterns: () => import('./patterns.ts'),
  topics: () => import('./topics.ts'),
  'fan-out': () => import('./fan-out.ts'),
  compressed: () => import('./compressed.ts'),
  'idle-memory': () => import('./idle-memory.ts'),
  'idle-http2': () => import('./idle-http2.ts'),
  'slow-listeners': () => import('./slow-listeners.ts'),
  replay: () => import('./replay.ts'),
  pages: () => import('./pages.ts'),
  'resume-storm': () => import('./resume-storm.ts'),
  workers: () => import('./workers.ts'),
  nodes: () => import('./nodes.ts'),
  outbox: () => import('./outbox.ts'),
  runs: () => import('./runs.ts'),
  groups: () => import('./groups.ts'),
  'stores-publish': () => import('./stores/publish.ts'),
  'stores-replay': () => import('./stores/replay.ts'),
  'stores-latency': () => import('./stores/latency.ts'),
  'stores-failover': () => import('./stores/failover.ts'),
};

const named = process.argv.slice(2);
const unknown = named.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(1);
}

const { versions, arch } = process;
const processor = cpus()[0]?.model ?? 'unknown processor';
console.log(`Node ${versions.node}, ${type()} ${release()}, ${arch}, ${availableParallelism()} × ${processor}`);
for (const [name, load] of Object.entries(BENCHMARKS)) {
  if (named.length > 0 && !named.includes(name)) continue;
  const start = performance.now();
  console.log(`\n# ${name}\n`);
  try {
    await (await load()).run();
  } catch (error) {
    // The others are worth having all the same.
    console.error(error);
    process.exitCode = 1;
  }
  console.log(`\n(${Math.round((performance.now() - start) / 1000)} s)`);
}
