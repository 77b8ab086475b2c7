import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { counter, type Family, gauge } from './exposition.ts';

// How often the delay of the event loop is measured, in milliseconds. Node's numbers include this time.
const RESOLUTION_MS = 10;
const NS_PER_S = 1e9;
const MS_PER_S = 1000;

/** Watches the process: its memory, its time of the processor and the delay of its event loop. The names are those that dashboards for Node know. */
export class ProcessWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #startedAt = Date.now() / MS_PER_S - process.uptime();

  /** @param ended aborted when it is to watch no longer */
  constructor(ended: AbortSignal) {
    this.#delay.enable();
    ended.addEventListener('abort', () => void this.#delay.disable());
  }

  families(): readonly Family[] {
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const { active, idle } = performance.eventLoopUtilization();
    const families = [
      gauge('process_start_time_seconds', 'When the process started, in seconds since 1970', this.#startedAt, 'min'),
      gauge('process_resident_memory_bytes', 'Memory of the process', rss),
      counter('process_cpu_seconds_total', 'Time of the processor, of the user and the system', (user + system) / 1e6),
      gauge('nodejs_heap_size_total_bytes', 'Heap of V8', heapTotal),
      gauge('nodejs_heap_size_used_bytes', 'Heap of V8 that is in use', heapUsed),
      gauge('nodejs_external_memory_bytes', 'Memory of Node outside of the heap', external),
      counter('nodejs_eventloop_active_seconds_total', 'Time in which the event loop was busy', active / MS_PER_S),
      counter('nodejs_eventloop_idle_seconds_total', 'Time in which the event loop waited', idle / MS_PER_S),
      this.#lag('mean', 'Mean', this.#delay.mean),
      this.#lag('p50', 'Median', this.#delay.percentile(50)),
      this.#lag('p99', '99th percentile', this.#delay.percentile(99)),
      this.#lag('max', 'Longest', this.#delay.max),
    ];
    this.#delay.reset();
    return families;
  }

  #lag(name: string, what: string, ns: number): Family {
    const help = `${what} delay of the event loop since the metrics were read before`;
    // Before the first measurement Node has none.
    const measured = Number.isFinite(ns) && this.#delay.count > 0 ? ns / NS_PER_S - RESOLUTION_MS / MS_PER_S : 0;
    return gauge(`nodejs_eventloop_lag_${name}_seconds`, help, Math.max(0, measured), 'max');
  }
}
