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
  readonly #after: string | undefined;
  readonly #reader: EntryReader;
  readonly #maker: RunItems;
  #hasBegun = false;
  #isOver = false;
  readonly #items: RunItem[] = [];
  #timer: unknown;
  /** Why looking after the run has ended the reader. */
  #failure: { readonly reason: unknown } | undefined;

  constructor(context: ReadingContext, after: string | undefined) {
    this.#context = context;
    this.#after = after;
    this.#maker = new RunItems(context, after === undefined);
    this.#reader = new EntryReader(context.log, context.selection, { lastEventId: after ?? EARLIEST }, true);
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
    this.#reader.end();
  }

  async #begin(): Promise<void> {
    const { log, selection } = this.#context;
    if (this.#after !== undefined && isComplete(await findStart(log, selection, { lastEventId: this.#after })))
      this.end();
    else await this.#look();
  }

  async #read(): Promise<void> {
    const entry = await this.#reader.take();
    if (this.#isOver) return;
    if (this.#failure) throw this.#failure.reason;
    if (!entry) {
      // It was deleted or forgotten, or its end was trimmed.
      this.#items.push(GONE);
      this.end();
      return;
    }
    if ('gap' in entry) this.#items.push({ type: 'gap', gap: entry.gap });
    else this.#items.push(...(await this.#maker.of(readEvent(entry), entry.final === true)));
    if (this.#items.at(-1)?.type === 'end') this.end();
  }

  /** Looks whether there is still something to wait for. */
  async #look(): Promise<void> {
    const { state, events, finalSeq, leasedUntil } = await this.#context.status();
    if (this.#isOver) return;
    if (state === 'closed') this.#reader.finish(finalSeq ?? 0);
    else if (events === 0 && leasedUntil === undefined) {
      this.#items.push(GONE);
      this.end();
    } else this.#lookLater(leasedUntil);
  }

  #lookLater(leasedUntil: number | undefined): void {
    const { clock } = this.#context;
    const leftMs = leasedUntil === undefined ? LOOK_MS : Math.max(0, leasedUntil - clock.time()) + CLOSING_MS;
    const ms = Math.min(leftMs, MAX_LOOK_MS);
    this.#timer = clock.setTimeout(() => {
      this.#look().catch((reason: unknown) => {
        this.#failure = { reason };
        this.#reader.end();
      });
    }, ms);
  }
}
