import { pause } from '../session.ts';
import type { Server } from './servers.ts';

/** A client that listens. */
export interface Listener {
  readonly title: string;
  /** What it got so far, in order: the number of each event, and other texts for what it was told, such as a gap. */
  got(): Promise<readonly string[]>;
  /** Whether it has ended by itself, so that nobody waits for it. @default never */
  isOver?(): boolean;
}

/** One end of a server. */
export interface End {
  readonly signal: 'SIGKILL' | 'SIGTERM';
  /** How long it is away, in milliseconds. */
  readonly awayMs: number;
}

export interface TrialOptions {
  /** How long listeners are waited for at the start and after each end, in milliseconds. */
  readonly waitMs: number;
  /** How the server ends, each time that it does. */
  readonly ends: readonly End[];
  /** The reconnection time that the first event carries, in milliseconds. @default none */
  readonly retryMs?: number;
}

/** How many events are published just before an end, and again just after it. */
const EVENTS = 20;

/** How often listeners are asked what they got, in milliseconds. */
const LOOK_MS = 100;

/**
 * Publishes events while the server ends and starts again, and resolves to what each listener made of it, by their titles: `yes` if it got all events
 * from its first one on, once and in order.
 */
export async function runTrial(
  server: Server,
  listeners: readonly Listener[],
  { waitMs, ends, retryMs }: TrialOptions,
): Promise<ReadonlyMap<string, string>> {
  let last = 0;
  const publish = async (): Promise<void> => {
    last += 1;
    await server.publish(last, retryMs);
  };
  const begun = async (listener: Listener): Promise<boolean> => (await listener.got()).length > 0;
  for (const deadline = performance.now() + waitMs; performance.now() < deadline; await pause(LOOK_MS)) {
    await publish();
    if (await isSoOfAll(listeners, begun)) break;
  }
  const isUpToDate = async (listener: Listener): Promise<boolean> => (await listener.got()).includes(String(last));
  for (const { signal, awayMs } of ends) {
    for (let n = 0; n < EVENTS; n += 1) await publish();
    await server.end(signal);
    await pause(awayMs);
    await server.restart();
    for (let n = 0; n < EVENTS; n += 1) await publish();
    await wait(listeners, isUpToDate, waitMs);
  }
  // Tells who is back and has lost the events before from who is not.
  await publish();
  await wait(listeners, isUpToDate, waitMs);
  const verdicts = listeners.map(async (listener) => [listener.title, verdictOn(await listener.got(), last)] as const);
  return new Map(await Promise.all(verdicts));
}

/** Waits until something is so of all listeners that have not ended, or the time is over. */
async function wait(
  listeners: readonly Listener[],
  isSo: (listener: Listener) => Promise<boolean>,
  ms: number,
): Promise<void> {
  for (const deadline = performance.now() + ms; performance.now() < deadline; await pause(LOOK_MS)) {
    if (await isSoOfAll(listeners, isSo)) return;
  }
}

async function isSoOfAll(
  listeners: readonly Listener[],
  isSo: (listener: Listener) => Promise<boolean>,
): Promise<boolean> {
  const waited = listeners.filter((listener) => listener.isOver?.() !== true);
  return (await Promise.all(waited.map(isSo))).every(Boolean);
}

/** In a few words what a listener made of the events up to the last one. */
export function verdictOn(got: readonly string[], last: number): string {
  const numbers = got.filter((text) => /^\d+$/.test(text)).map(Number);
  const told = got.filter((text) => !/^\d+$/.test(text));
  const first = numbers[0];
  if (first === undefined) return ['gets no event', ...told].join(', ');
  const distinct = new Set(numbers);
  const wanted = last - first + 1;
  const faults = [...told];
  if (!distinct.has(last)) faults.push('does not come back');
  else if (distinct.size < wanted) faults.push(`loses ${wanted - distinct.size} of ${wanted}`);
  if (distinct.size < numbers.length) faults.push(`gets ${numbers.length - distinct.size} twice`);
  if (faults.length === 0 && numbers.some((n, index) => n !== first + index)) faults.push('in another order');
  return faults.length === 0 ? 'yes' : faults.join(', ');
}
