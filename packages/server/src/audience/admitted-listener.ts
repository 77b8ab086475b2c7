import type { RequestHead } from '../http/request.ts';
import type { Listener } from '../live/listener.ts';
import type { Sink } from '../sink/sink.ts';
import type { KnownListener } from './admission.ts';
import type { Expiry } from './expiry.ts';
import type { CountedMatchers } from './matcher-memory.ts';
import type { PlaceHolder } from './places.ts';
import type { Rights } from './rights.ts';

/** A listener that was let in, from its answer to its end. */
export class AdmittedListener implements PlaceHolder, KnownListener {
  subject: string | undefined;
  key: string | undefined;
  since: number;
  readonly matchers: CountedMatchers | undefined;
  listener: Listener | undefined;
  /** Ends the search for the place where it begins; undefined if the place is known. */
  search: AbortController | undefined;
  /** The sink of a stream that does not come from the log. */
  sink: Sink | undefined;
  /** The timer that ends the rights, or undefined if they do not expire. */
  expiry: Expiry | undefined;
  /** Its network address, or the object that has it. */
  readonly #from: string | RequestHead['peer'];

  constructor(
    request: RequestHead,
    { subject }: Rights,
    { key, since, matchers }: Pick<PlaceHolder, 'key' | 'since' | 'matchers'>,
  ) {
    this.subject = subject;
    this.key = key;
    this.since = since;
    this.matchers = matchers;
    this.listener = undefined;
    this.search = undefined;
    this.sink = undefined;
    this.expiry = undefined;
    // Only the address, if no other object has it.
    this.#from = request.peer ?? request.address;
  }

  get address(): string | undefined {
    return typeof this.#from === 'object' ? this.#from.remoteAddress : this.#from;
  }
}
