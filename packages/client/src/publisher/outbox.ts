/** What changes in an outbox. Each comes with the sequence numbers of events, which rise in the order of `publish`. */
export type OutboxChange =
  /** An event was given to the publisher. The line is the event as it will be sent. */
  | { readonly type: 'event'; readonly seq: number; readonly line: string }
  /**
   * The events from `first` to `last` that are still kept are about to be sent as one batch. There is one batch at a time, and the newest takes the
   * place of the one before.
   */
  | { readonly type: 'batch'; readonly batch: OutboxBatch }
  /** The events from `first` to `last` are published, or refused for good. No batch is under way any more. */
  | { readonly type: 'settled'; readonly first: number; readonly last: number };

export interface OutboxBatch {
  readonly key: string;
  readonly first: number;
  readonly last: number;
  /** When it was sent for the first time, in milliseconds since 1970 (UTC). */
  readonly sentAt: number;
}

/** What an outbox holds. */
export interface OutboxContent {
  /** In the order of their numbers. */
  readonly events: readonly { readonly seq: number; readonly line: string }[];
  /** The batch that was about to be sent, or may have been sent, and was not answered. */
  readonly batch: OutboxBatch | undefined;
}

/**
 * Keeps what a publisher was given until the hub has it, so that it survives the program. Only one publisher may have it open. The publisher calls its
 * methods one after the other: the next one when the promise of the last one is settled. A rejection ends the publisher.
 */
export interface Outbox {
  /** Takes possession of the outbox and says what it holds. It rejects if another publisher has it, in this process or another one. */
  open(): Promise<OutboxContent>;
  /** Keeps the changes, all of them or none, also if the program ends or the machine stops. They are kept when the promise is resolved. */
  write(changes: readonly OutboxChange[]): Promise<void>;
  /** Gives the outbox up, so that another publisher can open it. It is called once, also after a failure. */
  close(): Promise<void>;
}

/** The content of an outbox after changes, by the numbers of its events. */
export class OutboxState {
  readonly events: Map<number, string> = new Map();
  batch: OutboxBatch | undefined;

  apply(change: OutboxChange): void {
    if (change.type === 'event') this.events.set(change.seq, change.line);
    else if (change.type === 'batch') this.batch = change.batch;
    else {
      for (let seq = change.first; seq <= change.last; seq++) this.events.delete(seq);
      this.batch = undefined;
    }
  }

  content(): OutboxContent {
    return { events: Array.from(this.events, ([seq, line]) => ({ seq, line })), batch: this.batch };
  }
}
