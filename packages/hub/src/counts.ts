/** Counts by a name that is one of a bounded set: the names of problems, and a few words beside them. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, this.of(name) + 1);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
}

/** How long something took, by classes of time. */
export class Durations {
  /** The upper end of each class, in seconds, from the shortest to the longest. Whatever took longer is in none of them. */
  static readonly BOUNDS: readonly number[] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  ];
  /** How many were in each class. */
  readonly counts: number[] = Durations.BOUNDS.map(() => 0);
  count = 0;
  /** All of them together, in seconds. */
  sum = 0;

  /** @param seconds of a clock that never goes back */
  add(seconds: number): void {
    this.count += 1;
    this.sum += seconds;
    const index = Durations.BOUNDS.findIndex((bound) => seconds <= bound);
    if (index !== -1) this.counts[index] = (this.counts[index] ?? 0) + 1;
  }
}

/** Why a connection was closed before it could ask for anything: its address has too many, or too many are in the middle of a handshake of TLS, or there is no file descriptor for it. */
export const CONNECTION_REFUSALS = ['address', 'handshakes', 'descriptors'] as const;

/**
 * What a hub and its servers have done since they were made, beside what the audience counts. Each is one addition where it happens. Nothing in it belongs to one topic.
 */
export class Counts {
  /** Refused requests, by the name of their problem; `expired` for rights that had, and `other` for what only `authenticate` knows. */
  readonly refusals: Tally = new Tally();
  /** Publishes by what came of them: `published`, or the name of the problem. */
  readonly publishes: Tally = new Tally();
  /** Batches that were sent again with their idempotency key, and were not stored a second time. */
  repeats = 0;
  /** Bytes of the bodies that were read, decoded. */
  receivedBytes = 0;
  /** How long the log took for each write that succeeded. */
  readonly writes: Durations = new Durations();
  /** Connections that were accepted. */
  accepted = 0;
  /** Those that are open: in the middle of a handshake of TLS, or by the protocol that is spoken on them. */
  readonly open: Record<'handshake' | 'http1' | 'http2', number> = { handshake: 0, http1: 0, http2: 0 };
  /** Connections that were refused. */
  readonly refusedConnections: Record<(typeof CONNECTION_REFUSALS)[number], number> = {
    address: 0,
    handshakes: 0,
    descriptors: 0,
  };
}
