import type { Clock, PresencePage, Present } from '@tidings/server/live';
import { encodeEvent, LISTENER_CLOSED_TYPE, LISTENER_OPENED_TYPE, LISTENERS_TYPE } from '@tidings/wire';
import {
  type AllListeners,
  aheadOf,
  type ListedListener,
  type ListedPage,
  type ListenerPlace,
} from '../all-listeners.ts';
import type { Change } from './changes.ts';
import { ListenerIds } from './ids.ts';

const NOWHERE: ListenerPlace = { process: 0, number: 0 };

export interface DocumentParts {
  readonly clock: Clock;
  /** @default those of this process */
  readonly everyone?: Pick<AllListeners, 'process' | 'secret' | 'aheadMs'>;
}

/** Listeners as others are told of them (PROTOCOL §18). */
export class ListenerDocuments {
  readonly #ids: ListenerIds;
  readonly #process: number;
  readonly #aheadMs: number;

  constructor({ clock, everyone }: DocumentParts) {
    this.#ids = new ListenerIds(everyone?.secret);
    this.#process = everyone?.process ?? 0;
    this.#aheadMs = everyone?.aheadMs ?? aheadOf(clock);
  }

  /** The place of a listener by its id; undefined if the text is none of this hub's ids. */
  placeOf(id: string): ListenerPlace | undefined {
    return this.#ids.placeOf(id);
  }

  /** @param after the place behind which the page begins */
  page(topic: string, { count, listeners, isLast }: ListedPage, after: ListenerPlace = NOWHERE): string {
    const last = listeners.at(-1);
    return JSON.stringify({
      topic,
      count,
      ...(after.number === 0 ? {} : { after: this.#ids.of(after) }),
      listeners: listeners.map((listed) => this.#describe(listed)),
      ...(isLast || last === undefined ? {} : { next: this.#ids.of(last) }),
    });
  }

  /** A page of those of this process, as an event. */
  pageEvent(topic: string, { listeners, ...page }: PresencePage, after: number): string {
    const listed = listeners.map((present) => this.#listed(present));
    const data = this.page(topic, { ...page, listeners: listed }, { process: this.#process, number: after });
    return encodeEvent({ event: LISTENERS_TYPE, data });
  }

  /** An event for each change. */
  changeEvents(changes: readonly (readonly [Present, Change])[]): string {
    return changes.map(([present, change]) => this.#changeEvent(this.#listed(present), change)).join('');
  }

  #changeEvent(listed: ListedListener, change: Change): string {
    return change === 'opened'
      ? encodeEvent({ event: LISTENER_OPENED_TYPE, data: JSON.stringify(this.#describe(listed)) })
      : encodeEvent({ event: LISTENER_CLOSED_TYPE, data: JSON.stringify({ id: this.#ids.of(listed) }) });
  }

  #listed({ number, subject, since }: Present): ListedListener {
    return { process: this.#process, number, subject, since: since + this.#aheadMs };
  }

  #describe({ subject, since, ...place }: ListedListener): object {
    const time = new Date(Math.round(since)).toISOString();
    return { id: this.#ids.of(place), ...(subject === undefined ? {} : { subject }), since: time };
  }
}
