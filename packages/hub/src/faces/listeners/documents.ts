import { encodeEvent, LISTENER_CLOSED_TYPE, LISTENER_OPENED_TYPE, LISTENERS_TYPE } from '@tidings/wire';
import type { Processes } from '../../processes/processes.ts';
import type { Change } from '../presence/changes.ts';
import { BEGINNING, type ListedListener, type ListedPage, type ListenerPlace } from '../presence/listed.ts';
import { ListenerIds } from './ids.ts';

/** Listeners as others are told of them (PROTOCOL §18). */
export class ListenerDocuments {
  readonly #processes: Pick<Processes, 'secret'>;
  /** What the ids were made with. */
  #secret: Uint8Array | undefined;
  #ids: ListenerIds;

  /** @param processes has what all processes have together, from which ids are made. @default there is only this one */
  constructor(processes: Pick<Processes, 'secret'> = { secret: undefined }) {
    this.#processes = processes;
    this.#secret = processes.secret;
    this.#ids = new ListenerIds(this.#secret);
  }

  idOf(place: ListenerPlace): string {
    return this.#idsNow.of(place);
  }

  /** The place of a listener by its id; undefined if the text is none of this hub's ids. */
  placeOf(id: string): ListenerPlace | undefined {
    return this.#idsNow.placeOf(id);
  }

  /** @param after the place behind which the page begins */
  page(topic: string, { count, listeners, isLast }: ListedPage, after: ListenerPlace = BEGINNING): string {
    const last = listeners.at(-1);
    return JSON.stringify({
      topic,
      count,
      ...(after.number === 0 ? {} : { after: this.idOf(after) }),
      listeners: listeners.map((listed) => this.#describe(listed)),
      ...(isLast || last === undefined ? {} : { next: this.idOf(last) }),
    });
  }

  pageEvent(topic: string, page: ListedPage, after: ListenerPlace): string {
    return encodeEvent({ event: LISTENERS_TYPE, data: this.page(topic, page, after) });
  }

  /** An event for each change. */
  changeEvents(changes: readonly (readonly [ListedListener, Change])[]): string {
    return changes.map(([listed, change]) => this.#changeEvent(listed, change)).join('');
  }

  /** The secret is another one when the process of the log was started again. */
  get #idsNow(): ListenerIds {
    const { secret } = this.#processes;
    if (secret !== this.#secret) {
      this.#secret = secret;
      this.#ids = new ListenerIds(secret);
    }
    return this.#ids;
  }

  #changeEvent(listed: ListedListener, change: Change): string {
    return change === 'opened'
      ? encodeEvent({ event: LISTENER_OPENED_TYPE, data: JSON.stringify(this.#describe(listed)) })
      : encodeEvent({ event: LISTENER_CLOSED_TYPE, data: JSON.stringify({ id: this.idOf(listed) }) });
  }

  #describe({ subject, since, ...place }: ListedListener): object {
    const time = new Date(Math.round(since)).toISOString();
    return { id: this.idOf(place), ...(subject === undefined ? {} : { subject }), since: time };
  }
}
