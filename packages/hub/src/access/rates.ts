import type { Rights } from '@tidings/server';
import type { Clock } from '@tidings/server/live';
import { counted } from '@tidings/server/log';
import { Problem } from '../http/problem.ts';
import { networkOf } from '../http/network.ts';
import type { HubRequest } from '../http/request.ts';
import type { HubLimits } from '../limits.ts';
import type { Processes } from '../processes/processes.ts';

/** Whose publishes are counted: a request with its rights. */
export interface Sender {
  readonly request: HubRequest;
  readonly rights: Rights;
}

/** What a sender has published of late. It grows less by what it may publish in the time that passes, and when it is more than that of a second the sender has to wait. */
interface Published {
  events: number;
  bytes: number;
  /** As of when, by the clock's `now`. */
  at: number;
}

// Senders that are remembered. One that is forgotten begins anew.
const MAX_SENDERS = 100_000;

// What was published here is told to the other processes at most this often, in milliseconds. Until then a sender may publish there as if it had not been.
const TELL_EVERY_MS = 10;

/** What senders have published at one process since it was told before. */
type News = readonly (readonly [sender: string, events: number, bytes: number])[];

/** What rates are made of. */
export interface RateParts {
  readonly clock: Clock;
  readonly processes: Pick<Processes, 'isAlone' | 'tell' | 'onTell'>;
}

/**
 * How much each sender may publish a second: each subject of rights that names one, or else each address, of IPv6 each /64. What it publishes at another process of the hub
 * is counted as soon as that has told it, and no publish waits for that: what was too much by then is waited for later.
 */
export class Rates {
  readonly #what: string;
  readonly #events: number;
  readonly #bytes: number;
  readonly #clock: Clock;
  readonly #processes: RateParts['processes'];
  /** In the order in which they last published. */
  readonly #senders = new Map<string, Published>();
  readonly #untold = new Map<string, { events: number; bytes: number }>();
  #isTelling = false;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** @param what what is counted, the same in all processes */
  constructor(
    what: string,
    { maxEventsPerSecond, maxBytesPerSecond }: Pick<HubLimits, 'maxEventsPerSecond' | 'maxBytesPerSecond'>,
    { clock, processes }: RateParts,
  ) {
    this.#what = what;
    this.#events = maxEventsPerSecond;
    this.#bytes = maxBytesPerSecond;
    this.#clock = clock;
    this.#processes = processes;
    processes.onTell(what, (news: News) => {
      for (const [sender, events, bytes] of news) this.#add(sender, events, bytes);
    });
  }

  /** Refuses a sender that has published more than it may. @throws {Problem} `too-many-requests` */
  check(sender: Sender): void {
    const ms = this.waitMs(sender);
    if (ms === 0) return;
    const bounds = [
      ...(this.#events === Infinity ? [] : [counted(this.#events, 'event')]),
      ...(this.#bytes === Infinity ? [] : [counted(this.#bytes, 'byte')]),
    ];
    const found = `${bounds.join(' and ')} a second are the most that one sender may publish`;
    throw new Problem('too-many-requests', `Too much was published: ${found}`, {
      headers: { 'Retry-After': String(Math.ceil(ms / 1000)) },
    });
  }

  /** In how many milliseconds a sender may publish again; 0 if it may now. */
  waitMs(sender: Sender): number {
    if (!this.#isOn) return 0;
    const { events, bytes } = this.#publishedOf(nameOf(sender));
    return Math.max(0, (events / this.#events - 1) * 1000, (bytes / this.#bytes - 1) * 1000);
  }

  /** Counts what a sender has published. It may be more than it had left: then it waits longer. */
  count(sender: Sender, events: number, bytes: number): void {
    if (!this.#isOn) return;
    const name = nameOf(sender);
    this.#add(name, events, bytes);
    if (this.#processes.isAlone) return;
    const untold = this.#untold.get(name) ?? { events: 0, bytes: 0 };
    untold.events += events;
    untold.bytes += bytes;
    this.#untold.set(name, untold);
    if (this.#isTelling) return;
    this.#isTelling = true;
    const ms = Math.max(0, this.#toldAt + TELL_EVERY_MS - this.#clock.now());
    this.#clock.setTimeout(() => this.#tell(), ms);
  }

  #add(name: string, events: number, bytes: number): void {
    const published = this.#publishedOf(name);
    published.events += events;
    published.bytes += bytes;
  }

  #tell(): void {
    this.#isTelling = false;
    this.#toldAt = this.#clock.now();
    const news: News = [...this.#untold].map(([name, { events, bytes }]) => [name, events, bytes]);
    this.#untold.clear();
    this.#processes.tell(this.#what, news);
  }

  get #isOn(): boolean {
    return this.#events !== Infinity || this.#bytes !== Infinity;
  }

  #publishedOf(name: string): Published {
    const now = this.#clock.now();
    const known = this.#senders.get(name) ?? { events: 0, bytes: 0, at: now };
    const seconds = (now - known.at) / 1000;
    known.events = left(known.events, this.#events, seconds);
    known.bytes = left(known.bytes, this.#bytes, seconds);
    known.at = now;
    this.#senders.delete(name);
    this.#senders.set(name, known);
    const [oldest = name] = this.#senders.size > MAX_SENDERS ? this.#senders.keys() : [];
    if (oldest !== name) this.#senders.delete(oldest);
    return known;
  }
}

function nameOf({ request, rights }: Sender): string {
  const { subject, credential } = rights;
  // Who has the key shares its name with all others.
  return credential && subject !== undefined ? `subject ${subject}` : `address ${networkOf(request.address ?? '')}`;
}

function left(published: number, perSecond: number, seconds: number): number {
  return perSecond === Infinity ? 0 : Math.max(0, published - perSecond * seconds);
}
