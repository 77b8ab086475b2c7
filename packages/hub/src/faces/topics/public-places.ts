import type { Rights } from '@tidings/server';
import type { FanOut } from '@tidings/server/live';
import type { EventLog, Position } from '@tidings/server/log';

/** Whether a sender is shown only what public events show. */
export function isPublicOnly({ private: seen }: Rights): boolean {
  return seen !== 'all';
}

/** Knows the position of the log, also for senders that must not learn of private events. */
export class PublicPlaces {
  readonly #fanOut: FanOut;
  /** The position of the newest public event, or where following began. */
  #public: Position = { epoch: '', seq: 0 };

  constructor(log: EventLog, fanOut: FanOut) {
    this.#fanOut = fanOut;
    log.follow({
      onStart: (position) => {
        this.#public = position;
      },
      onBatch: (batch) => {
        const newest = batch.findLast((entry) => !entry.private);
        if (newest) this.#public = { ...this.#public, seq: newest.seq };
      },
      onLost: () => {},
    });
  }

  /** How far the log has been handed over, or the place of the newest public event. */
  position(publicOnly: boolean): Position {
    const { position } = this.#fanOut;
    return publicOnly && this.#public.epoch === position.epoch ? this.#public : position;
  }
}
