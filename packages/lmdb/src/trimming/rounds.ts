import type { LogRetention } from '@tidings/server/log';
import { LmdbError } from '../errors.ts';
import type { HeadRecord, Incoming } from '../tables/store.ts';
import { DamageControl } from './damage.ts';
import type { TrimStep } from './removal.ts';
import { LmdbTrimmer, type TrimmerParts } from './trim.ts';

export interface RoundsParts extends TrimmerParts {
  readonly retention: LogRetention;
  /** What writes the steps: one thing at a time. */
  readonly writer: () => { head: HeadRecord };
}

export interface RoundsHooks {
  /** Called for each record that was changed on disk. */
  readonly onDamage: (error: LmdbError) => void;
  /** Called if events could not be removed, once until that succeeds or fails in another way. */
  readonly onError: (error: LmdbError) => void;
}

/** Removes what retention no longer keeps, and what was changed on disk, step by step. */
export class TrimRounds {
  readonly #parts: RoundsParts;
  readonly #onError: (error: LmdbError) => void;
  readonly #trimmer: LmdbTrimmer;
  readonly #damage: DamageControl;
  /** The failure that was reported last, until trimming succeeds again. */
  #reported: string | undefined;
  #current: Promise<void> | undefined;

  constructor(parts: RoundsParts, { onDamage, onError }: RoundsHooks) {
    this.#parts = parts;
    this.#onError = onError;
    this.#trimmer = new LmdbTrimmer(parts, parts.retention);
    this.#damage = new DamageControl(parts, { onDamage, onFailure: (cause) => this.report(cause) });
  }

  /** The step under way. Reads wait while events are being removed, so that the reported gaps are exactly the events that are missing. */
  get current(): Promise<void> | undefined {
    return this.#current;
  }

  /** Removes events until there is room for those that are about to be added. */
  async makeRoom(incoming?: Incoming): Promise<void> {
    try {
      while (this.#trimmer.isOverdue(this.#parts.writer().head, incoming) && (await this.trimSome(incoming)));
    } catch (error) {
      this.report(error);
    }
  }

  /** Removes a small number of events that retention no longer keeps. Returns whether there may be more. */
  async trimSome(incoming?: Incoming): Promise<boolean> {
    const step = this.#trimmer.next(this.#parts.writer().head, incoming);
    // Damaged events do not count among those that are kept.
    if (step) await this.carryOut(step);
    else if (this.#parts.store.damaged.size > 0) await this.takeOutDamaged();
    return step !== undefined;
  }

  /** Carries out a step. Damaged events that were found on the way go first, and then nothing else. */
  async carryOut(step: TrimStep): Promise<void> {
    if (this.#parts.store.damaged.size > 0) await this.takeOutDamaged();
    else await this.#commit(step);
  }

  async takeOutDamaged(): Promise<void> {
    const writer = this.#parts.writer();
    const { head } = writer;
    // Who gets no private events is told of a gap, too, up to there, and comes back with that position.
    const newest = [...this.#parts.store.damaged.keys()].reduce((one, other) => Math.max(one, other), head.publicSeq);
    writer.head = { ...head, publicSeq: newest };
    await this.#damage.takeOut(writer.head, (step) => this.#commit(step));
  }

  /** Reports a failure of trimming, once. Publishers learn of a failing disk when they append. */
  report(cause: unknown): void {
    const found = cause instanceof Error ? cause.message : String(cause);
    if (found === this.#reported) return;
    this.#reported = found;
    const message = `Cannot remove events that are no longer kept in ${this.#parts.store.path}, or store the time of the log: ${found}. It is tried again`;
    this.#onError(new LmdbError('ERR_NOT_TRIMMED', message, { cause }));
  }

  async #commit(step: TrimStep): Promise<void> {
    this.#current = (async () => {
      try {
        await step.commit();
        this.#parts.writer().head = step.head;
        step.note();
        this.#reported = undefined;
      } finally {
        this.#current = undefined;
      }
    })();
    await this.#current;
  }
}
