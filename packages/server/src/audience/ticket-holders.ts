import type { AudienceObserver } from './admission.ts';
import type { AdmittedListener } from './admitted-listener.ts';

/** The listeners that came with a ticket, one for each: a listener takes the place of the one that had come with it. */
export class TicketHolders {
  readonly #onReplaced: (listener: AdmittedListener) => void;
  readonly #observer: Pick<AudienceObserver, 'onTicket'>;
  readonly #holders = new Map<string, AdmittedListener>();

  /** @param onReplaced breaks off a listener whose place another one has taken */
  constructor(onReplaced: (listener: AdmittedListener) => void, observer: Pick<AudienceObserver, 'onTicket'>) {
    this.#onReplaced = onReplaced;
    this.#observer = observer;
  }

  /** Takes a listener in. */
  take(listener: AdmittedListener): void {
    const { ticket } = listener.credential ?? {};
    if (ticket === undefined) return;
    const before = this.#holders.get(ticket);
    this.#holders.set(ticket, listener);
    if (before) this.#onReplaced(before);
    this.#observer.onTicket?.(ticket, listener.since);
  }

  /** Replaces the listener that has come with a ticket before a time. */
  drop(ticket: string, before: number): void {
    const holder = this.#holders.get(ticket);
    if (holder && holder.since < before) this.#onReplaced(holder);
  }

  free(listener: AdmittedListener): void {
    const { ticket = '' } = listener.credential ?? {};
    if (this.#holders.get(ticket) === listener) this.#holders.delete(ticket);
  }
}
