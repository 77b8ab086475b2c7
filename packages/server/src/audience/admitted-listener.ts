import type { RequestHead } from '../http/request.ts';
import type { Listener } from '../live/listener.ts';
import type { Present } from '../live/present-list.ts';
import type { Sink } from '../sink/sink.ts';
import type { KnownListener } from './admission.ts';
import type { Expiry } from './expiry.ts';
import type { CountedMatchers } from './matcher-memory.ts';
import type { PlaceHolder, Places } from './places.ts';
import type { Credential, Rights } from './rights.ts';

/** A listener that was let in, from its answer to its end. */
export class AdmittedListener implements PlaceHolder, KnownListener, Present {
  /** Known once its stream starts. */
  number: number;
  subject: string | undefined;
  credential: Credential | undefined;
  key: string | undefined;
  since: number;
  isShared: boolean;
  readonly matchers: CountedMatchers | undefined;
  listener: Listener | undefined;
  /** Ends the search for the place where it begins; undefined if the place is known. */
  search: AbortController | undefined;
  /** The sink of a stream that does not come from the log. */
  sink: Sink | undefined;
  /** The timer that ends the rights, or undefined if they do not expire. */
  expiry: Expiry | undefined;
  /** Called once, when its stream has ended. */
  onEnd: (() => void) | undefined;
  /** Its network address, or the object that has it. */
  readonly #from: string | RequestHead['peer'];

  constructor(
    request: RequestHead,
    { subject, credential }: Rights,
    { key, since, matchers }: Pick<PlaceHolder, 'key' | 'since' | 'matchers'>,
  ) {
    this.number = 0;
    this.subject = subject;
    this.credential = credential;
    this.key = key;
    this.since = since;
    this.isShared = false;
    this.matchers = matchers;
    this.listener = undefined;
    this.search = undefined;
    this.sink = undefined;
    this.expiry = undefined;
    this.onEnd = undefined;
    // Only the address, if no other object has it.
    this.#from = request.peer ?? request.address;
  }

  get address(): string | undefined {
    return typeof this.#from === 'object' ? this.#from.remoteAddress : this.#from;
  }
}

/**
 * Takes a listener's place for as long as something is looked for. The signal is aborted when the sender of the request has left or is sent away. `end`
 * frees the place, unless it is promised by then.
 */
export function startSearch(
  places: Places<AdmittedListener>,
  admitted: AdmittedListener,
  request: RequestHead,
): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  admitted.search = controller;
  places.take(admitted);
  const stop = request.onGone?.(() => controller.abort());
  const end = (): void => {
    stop?.();
    admitted.search = undefined;
    places.free(admitted);
  };
  return { signal: controller.signal, end };
}
