import { Publisher, PublishError } from '@tidings/client/publisher';
import type { Truth } from '../check/truth.ts';
import type { Network } from '../network/network.ts';
import type { SimulatedClock } from '../scheduler/clock.ts';
import type { Random } from '../scheduler/random.ts';
import type { Surroundings } from '../scheduler/surroundings.ts';

/** The share of events to which their publisher gives an id, and of those that are large. */
const NAMED = 0.15;
const LARGE = 0.05;

export interface PublishersOptions {
  readonly count: number;
  readonly regions: number;
  readonly topics: readonly string[];
  /** The mean time between two events of one publisher, in milliseconds. */
  readonly meanMs: number;
}

/** Programs that publish with a `Publisher`. Each event has to be in the log once, in the order of its publisher. */
export class Publishers {
  readonly #surroundings: Surroundings;
  readonly #random: Random;
  readonly #truth: Truth;
  readonly #options: PublishersOptions;
  readonly #onFault: (what: string) => void;
  readonly #publishers: Publisher[];
  #last = 0;
  /** How many were published and not answered yet. */
  pending = 0;
  #isEnded = false;
  #pausedUntil = 0;

  constructor(
    surroundings: Surroundings,
    random: Random,
    parts: {
      readonly clock: SimulatedClock;
      readonly network: Network;
      readonly truth: Truth;
      readonly options: PublishersOptions;
    },
    onFault: (what: string) => void,
  ) {
    this.#surroundings = surroundings;
    this.#random = random;
    this.#truth = parts.truth;
    this.#options = parts.options;
    this.#onFault = onFault;
    const { clock, network } = parts;
    this.#publishers = Array.from({ length: parts.options.count }, (_, index) => {
      const place = { region: index % parts.options.regions, endpoint: index };
      const fetch = network.fetchOf(place);
      return new Publisher('http://hub.example/', { fetch, clock, requestTimeoutMs: 10_000 });
    });
  }

  start(): void {
    for (const publisher of this.#publishers) this.#later(publisher);
  }

  end(): void {
    this.#isEnded = true;
  }

  /** Publishes nothing for a time. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#surroundings.scheduler.now + ms);
  }

  /** Publishes many events to one topic at once. */
  burst(count: number): void {
    const { topics } = this.#options;
    const topic = topics[this.#random.below(topics.length)] ?? '';
    const publisher = this.#publishers[this.#random.below(this.#publishers.length)];
    for (let left = count; publisher && left > 0; left -= 1) this.#publish(publisher, topic);
  }

  #later(publisher: Publisher): void {
    const { topics, meanMs } = this.#options;
    this.#surroundings.scheduler.after(undefined, this.#random.apart(meanMs), () => {
      if (this.#isEnded) return;
      // Some topics have most of the events.
      const index = Math.floor(topics.length * this.#random.next() ** 2);
      if (this.#surroundings.scheduler.now >= this.#pausedUntil) this.#publish(publisher, topics[index] ?? '');
      this.#later(publisher);
    });
  }

  #publish(publisher: Publisher, topic: string): void {
    this.#last += 1;
    const number = this.#last;
    this.pending += 1;
    const padding = this.#random.chance(LARGE) ? this.#random.below(3000) : this.#random.below(60);
    const name = this.#random.chance(NAMED) ? { id: `p${number}` } : {};
    publisher.publish(topic, { data: `${number} ${'x'.repeat(padding)}`, ...name }).then(
      (id) => {
        this.pending -= 1;
        const stored = this.#truth.eventOf(number);
        if (stored?.id !== id) this.#onFault(`The event ${number} was stored as ${id}, and the log has ${stored?.id}`);
      },
      (error: unknown) => {
        this.pending -= 1;
        const why = error instanceof PublishError ? error.message : String(error);
        this.#onFault(`The event ${number} was refused: ${why}`);
      },
    );
  }
}
