import type { Breach } from './check/record.ts';

/** What a simulation has found to be wrong. */
export interface Finding {
  readonly breach: Breach | 'crash';
  readonly who: string;
  readonly what: string;
  /** Milliseconds after the start. */
  readonly at: number;
}

/** What a simulation has done and found. */
export interface Outcome {
  /** The same for two runs that did the same. */
  readonly digest: string;
  readonly findings: readonly Finding[];
  /** How long it was, in simulated seconds. */
  readonly seconds: number;
  /** How many tasks were done. */
  readonly steps: number;
  readonly faults: number;
  /** How many events were published, and how often one was given to a listener. */
  readonly events: number;
  readonly delivered: number;
  /** How many gaps were told. */
  readonly gaps: number;
}
