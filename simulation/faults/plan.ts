import { Random } from '../scheduler/random.ts';
import { type FaultKind, KINDS } from './kinds.ts';

/** A fault that happens at a time. What a number means depends on the kind. */
export interface Fault {
  readonly kind: FaultKind;
  /** Milliseconds after the start. */
  readonly at: number;
  /** How long it lasts, in milliseconds. */
  readonly ms: number;
  /** Which of the nodes, stores or regions, modulo their number. */
  readonly which: number;
  /** How much of what it concerns, from 0 to 1. */
  readonly share: number;
}

/** Everything that decides what happens in a simulation. */
export interface Plan {
  readonly seed: number;
  readonly nodes: number;
  readonly stores: number;
  readonly listeners: number;
  readonly topics: number;
  /** For how long events are published and faults happen, in seconds. */
  readonly seconds: number;
  /** The mean time between two events, in milliseconds. */
  readonly meanMs: number;
  readonly faults: readonly Fault[];
}

export type Size = Omit<Plan, 'faults'>;

/** Whether a value that was read from a file is a plan. */
export function isPlan(value: unknown): value is Plan {
  const { faults, ...size } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Plan>;
  const { seed, nodes, stores, listeners, topics, seconds, meanMs } = size;
  return (
    [seed, nodes, stores, listeners, topics, seconds, meanMs].every(isCount) &&
    Array.isArray(faults) &&
    (faults as readonly (Partial<Fault> | null)[]).every((fault) => {
      const { kind, at, ms, which, share } = fault ?? {};
      const isKnown = KINDS.some(({ name }) => name === kind);
      return isKnown && [at, ms, which, share].every((one) => typeof one === 'number' && one >= 0);
    })
  );
}

function isCount(value: number | undefined): boolean {
  return typeof value === 'number' && value > 0;
}

/** The mean time between two faults: shorter the more nodes there are, in milliseconds. */
const FAULT_MS = 8000;
const MIN_FAULT_MS = 200;

/** Nothing goes wrong before everybody is there, in milliseconds. */
export const QUIET_MS = 3000;

/** Makes the plan of a seed. */
export function planOf(size: Size): Plan {
  const random = new Random(size.seed, 'faults');
  const meanMs = Math.max(MIN_FAULT_MS, FAULT_MS / Math.sqrt(size.nodes * 4));
  const total = KINDS.reduce((sum, { weight }) => sum + weight, 0);
  const faults: Fault[] = [];
  for (let at = QUIET_MS; ;) {
    at += random.apart(meanMs);
    if (at > size.seconds * 1000) return { ...size, faults };
    let left = random.next() * total;
    const kind = KINDS.find(({ weight }) => (left -= weight) < 0) ?? KINDS[0];
    faults.push({
      kind: kind.name,
      at: Math.round(at),
      // Most are short, some are long.
      ms: Math.round(500 + 60_000 * random.next() ** 3),
      which: random.below(1_000_000),
      share: Math.round(random.next() * 100) / 100,
    });
  }
}
