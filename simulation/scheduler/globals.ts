import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import type { SimulatedClock } from './clock.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** What a turn of the event loop takes, in milliseconds. Work that never ends so takes for ever, and not no time. */
const TURN_MS = 0.02;

/**
 * Puts virtual time, chance and sockets in the place of those of this process, for code that takes no clock. Modules have to be loaded after this, because some keep
 * what they find. Returns a function to call when they are: until then `setImmediate` is one that no process takes with it when it dies, because what a module
 * keeps is shared by all simulated processes.
 * @param connect connects to the path of a Unix socket
 */
export function simulateGlobals(
  scheduler: Scheduler,
  clock: SimulatedClock,
  random: Random,
  connect: (path: string) => unknown,
): () => void {
  const plan = (process: Process | undefined, ms: number, run: () => void): unknown => {
    const task = scheduler.after(process, ms, run);
    return Object.assign(task, { ref: () => task, unref: () => task, hasRef: () => false });
  };
  const clear = (task: unknown): void => clock.clearTimeout(task);
  Object.assign(globalThis, {
    setImmediate: (run: (...given: unknown[]) => void, ...given: unknown[]) =>
      plan(undefined, TURN_MS, () => run(...given)),
    setTimeout: (run: (...given: unknown[]) => void, ms = 0, ...given: unknown[]) =>
      plan(scheduler.current, Math.max(1, ms), () => run(...given)),
    setInterval: () => {
      throw new Error('The simulation has no setInterval, because no code has needed it');
    },
    clearTimeout: clear,
    clearImmediate: clear,
  });
  Math.random = () => random.next();
  Date.now = () => clock.time();
  performance.now = () => clock.now();
  const fill = <T extends ArrayBufferView>(view: T): T => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (const index of bytes.keys()) bytes[index] = random.below(256);
    return view;
  };
  globalThis.crypto.getRandomValues = fill;
  Object.assign(crypto, { randomBytes: (count: number) => fill(Buffer.alloc(count)) });
  Object.assign(net, { connect });
  syncBuiltinESMExports();
  return () => {
    Object.assign(globalThis, {
      setImmediate: (run: (...given: unknown[]) => void, ...given: unknown[]) =>
        plan(scheduler.current, TURN_MS, () => run(...given)),
    });
  };
}
