import { readEvent } from '../../audience/event-reader.ts';
import type { Clock } from '../../clock.ts';
import type { EventLog } from '../../log/event-log.ts';
import { EARLIEST } from '../../log/position.ts';
import { EntryReader } from '../../log/reading/entry-reader.ts';
import type { Selection } from '../../log/selection.ts';
import { findStart, isComplete } from '../../log/start.ts';
import type { TopicStatus } from '../../log/topic-states.ts';
import type { RunItem } from '../store/run.ts';
import { GONE, type ItemsContext, RunItems } from '../store/run-items.ts';
import { placeInLog } from './run-place.ts';

/** How long after the end of a lease a log may take to close the topic (PROTOCOL §12.5), with some time for the way. */
const CLOSING_MS = 1500;

/** How often a run is looked after that has no lease, because whoever writes to it takes none. */
const LOOK_MS = 15_000;

/** How long it is not looked after at most: a clock that is wrong would make it a very long time, of which no timer is capable. */
const MAX_LOOK_MS = 60 * 60 * 1000;

export interface ReadingContext extends ItemsContext {
  readonly log: EventLog;
  readonly selection: Selection;
  readonly clock: Clock;
  readonly status: () => Promise<TopicStatus>;
}

/** Reads a run to its end. While nothing comes it looks after the run, once in the time of its lease, so that it does not wait for what is not to come. */
export class RunReading {
  readonly #context: ReadingContext;
  readonly #given: string | undefined;
  #source: { readonly reader: EntryReader; readonly maker: RunItems } | undefined;
  #hasBegun = false;
  #isOver = false;
  readonly #items: RunItem[] = [];
  #timer: unknown;
  /** Why looking after the run has ended the reader. */
  #failure: { readonly reason: unknown } | undefined;

  /** @param given the place to go on after; none, or an empty one, for the start */
  constructor(context: ReadingContext, given: string | undefined) {
    this.#context = context;
    this.#given = given;
  }

  /** The next item, or undefined at the end. It may not be called again before it has answered. */
  async take(): Promise<RunItem | undefined> {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      await this.#begin();
    }
    for (;;) {
      const item = this.#items.shift();
      if (item) return item;
      if (this.#isOver) return undefined;
      await this.#read();
    }
  }

  end(): void {
    this.#isOver = true;
    this.#context.clock.clearTimeout(this.#timer);
    this.#source?.reader.end();
  }

  async #begin(): Promise<void> {
    const { log, selection } = this.#context;
    const { after, gap } = await placeInLog(this.#context, this.#given);
    if (after !== undefined && isComplete(await findStart(log, selection, { lastEventId: after }))) this.end();
    if (this.#isOver) return;
    if (gap) this.#items.push(gap);
    const reader = new EntryReader(log, selection, { lastEventId: after ?? EARLIEST }, true);
    this.#source = { reader, maker: new RunItems(this.#context, after === undefined) };
    await this.#look(reader);
  }

  async #read(): Promise<void> {
    if (!this.#source) return;
    const { reader, maker } = this.#source;
    const entry = await reader.take();
    if (this.#isOver) return;
    if (this.#failure) throw this.#failure.reason;
    if (!entry) {
      // It was deleted or forgotten, or its end was trimmed.
      this.#items.push(GONE);
      this.end();
      return;
    }
    if ('gap' in entry) this.#items.push({ type: 'gap', gap: entry.gap });
    else this.#items.push(...(await maker.of(readEvent(entry), entry.final === true)));
    if (this.#items.at(-1)?.type === 'end') this.end();
  }

  /** Looks whether there is still something to wait for. */
  async #look(reader: EntryReader): Promise<void> {
    const { state, events, finalSeq, leasedUntil } = await this.#context.status();
    if (this.#isOver) return;
    if (state === 'closed') reader.finish(finalSeq ?? 0);
    else if (events === 0 && leasedUntil === undefined) {
      this.#items.push(GONE);
      this.end();
    } else this.#lookLater(reader, leasedUntil);
  }

  #lookLater(reader: EntryReader, leasedUntil: number | undefined): void {
    const { clock } = this.#context;
    const leftMs = leasedUntil === undefined ? LOOK_MS : Math.max(0, leasedUntil - clock.time()) + CLOSING_MS;
    const ms = Math.min(leftMs, MAX_LOOK_MS);
    this.#timer = clock.setTimeout(() => {
      this.#look(reader).catch((reason: unknown) => {
        this.#failure = { reason };
        reader.end();
      });
    }, ms);
  }
}
