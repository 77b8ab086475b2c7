import type { Clock } from '../clock.ts';
import type { AudienceObserver } from './admission.ts';
import type { AdmittedListener } from './admitted-listener.ts';

interface Holder {
  readonly listener: AdmittedListener;
  /** When it came with the ticket, by the clock's `now`. */
  readonly since: number;
}

/** The listeners that came with a ticket, one for each: a listener takes the place of the one that had come with it. */
export class TicketHolders {
  readonly #onReplaced: (listener: AdmittedListener) => void;
  readonly #clock: Clock;
  readonly #observer: Pick<AudienceObserver, 'onTicket'>;
  readonly #holders = new Map<string, Holder>();

  /** @param onReplaced breaks off a listener whose place another one has taken */
  constructor(
    onReplaced: (listener: AdmittedListener) => void,
    clock: Clock,
    observer: Pick<AudienceObserver, 'onTicket'>,
  ) {
    this.#onReplaced = onReplaced;
    this.#clock = clock;
    this.#observer = observer;
  }

  /** Takes a listener in. */
  take(listener: AdmittedListener): void {
    const { ticket } = listener.credential ?? {};
    if (ticket === undefined) return;
    const before = this.#holders.get(ticket);
    // Of two that come to different processes the one counts whose stream starts later, as in one process, whichever was let in first.
    const since = this.#clock.now();
    this.#holders.set(ticket, { listener, since });
    if (before) this.#onReplaced(before.listener);
    this.#observer.onTicket?.(ticket, since);
  }

  /** Replaces the listener that has come with a ticket before a time. */
  drop(ticket: string, before: number): void {
    const holder = this.#holders.get(ticket);
    if (holder && holder.since < before) this.#onReplaced(holder.listener);
  }

  /** Breaks off the stream of whoever has come with a ticket, so that its place is free for who comes with it now. Returns whether there was one, in this process. */
  leave(ticket: string | undefined): boolean {
    const holder = ticket === undefined ? undefined : this.#holders.get(ticket);
    // A page is answered soon, and frees its place then.
    if (!holder || holder.listener.search) return false;
    this.#onReplaced(holder.listener);
    return true;
  }

  free(listener: AdmittedListener): void {
    const { ticket = '' } = listener.credential ?? {};
    if (this.#holders.get(ticket)?.listener === listener) this.#holders.delete(ticket);
  }
}
