import type { ContentCoding } from './content-coding.ts';
import { NOTHING, type PlainTotal } from './plain-total.ts';
import { SharedChunk } from '../sink/shared-chunk.ts';

/**
 * The most groups into which the members are divided by the history that they share. So it is how often a tick is coded at most. One is
 * enough while nobody joins.
 */
const MAX_GROUPS = 4;

/** Members for whom a tick is coded together. */
interface Group {
  /** The place of the cohort when the last of them joined. References may go back to there. */
  readonly since: number;
  /** The coded tick for them, once the first of them has needed it. */
  coded: SharedChunk | undefined;
}

/** The bytes of a tick, and the totals of the cohort before and after it. */
export interface CodedTick {
  readonly plain: SharedChunk;
  readonly before: PlainTotal;
  readonly after: PlainTotal;
}

/**
 * Codes the ticks of a cohort, once for all of its members.
 *
 * A tick may refer to what all members that get it have got before it. For a member that joins later that is less, so the members are in
 * groups by when they joined. The tick is coded once for each group, and a group whose members all have a whole history becomes one with the
 * oldest. So a member that joins costs the others nothing, and where many join all the time, the groups that are nearest to each
 * other become one.
 */
export class CohortCoder {
  readonly #coding: ContentCoding;
  /** By `since`, ascending. */
  readonly #groups: Group[] = [{ since: 0, coded: undefined }];
  /** The end of what the members have been sent. */
  #history: Uint8Array = new Uint8Array();
  #total: PlainTotal = NOTHING;
  #tick: CodedTick | undefined;
  /** The bytes for the previous member. The next one nearly always has as much history. */
  #given: { readonly since: number; readonly coded: SharedChunk } | undefined;

  constructor(coding: ContentCoding) {
    this.#coding = coding;
  }

  /** The tick that is being sent to the members. */
  get tick(): CodedTick | undefined {
    return this.#tick;
  }

  /** Takes in a member that has got nothing of the cohort yet, or something else since. Returns the place where its history begins. */
  join(): number {
    const since = this.#total.length;
    if (since > (this.#groups.at(-1)?.since ?? 0)) this.#groups.push({ since, coded: undefined });
    return since;
  }

  /** Begins to send a chunk to all members. */
  begin(plain: SharedChunk): void {
    const { bytes } = plain;
    const { crc, length } = this.#total;
    const after = { crc: this.#coding.checksum(bytes, crc), length: length + bytes.length + this.#coding.trail.length };
    this.#tick = { plain, before: this.#total, after };
  }

  /** The bytes of the tick for a member whose history begins there. */
  coded(tick: CodedTick, since: number): SharedChunk {
    if (this.#given?.since !== since) this.#given = { since, coded: this.#codedFor(tick, since) };
    return this.#given.coded;
  }

  #codedFor(tick: CodedTick, since: number): SharedChunk {
    const group = this.#groups.find((each) => since <= each.since) ?? { since: tick.before.length, coded: undefined };
    if (!group.coded) {
      const shared = Math.min(tick.before.length - group.since, this.#history.length);
      const history = this.#history.subarray(this.#history.length - shared);
      group.coded = new SharedChunk(this.#coding.code(tick.plain.bytes, history));
    }
    return group.coded;
  }

  /** All members have been sent it. */
  end(): void {
    const tick = this.#tick;
    if (!tick) return;
    this.#tick = undefined;
    this.#given = undefined;
    this.#total = tick.after;
    this.#remember(tick.plain.bytes);
    this.#remember(this.#coding.trail);
    for (const group of this.#groups) group.coded = undefined;
    // A member that has all of the history has as much as the oldest.
    const begin = this.#total.length - this.#coding.historyBytes;
    while (this.#groups.length > 1 && (this.#groups[1]?.since ?? 0) <= begin) this.#groups.shift();
    // A place is kept for members that join in the next tick, which all have the same history: none.
    if (this.#groups.length === MAX_GROUPS) this.#uniteNearest();
  }

  #remember(bytes: Uint8Array): void {
    const { historyBytes } = this.#coding;
    const added = bytes.subarray(Math.max(0, bytes.length - historyBytes));
    const kept = Math.min(this.#history.length, historyBytes - added.length);
    const from = this.#history.length - kept;
    // In place once it is full: it is copied for every tick.
    const history = kept + added.length === this.#history.length ? this.#history : new Uint8Array(kept + added.length);
    if (history === this.#history) history.copyWithin(0, from);
    else history.set(this.#history.subarray(from));
    history.set(added, kept);
    this.#history = history;
  }

  /** Makes one group of the two between which the least history lies. */
  #uniteNearest(): void {
    const begin = this.#total.length - this.#coding.historyBytes;
    let nearest = 0;
    let least = Number.POSITIVE_INFINITY;
    for (const [index, { since }] of this.#groups.entries()) {
      const next = this.#groups[index + 1];
      const between = (next?.since ?? Number.POSITIVE_INFINITY) - Math.max(since, begin);
      if (between >= least) continue;
      least = between;
      nearest = index;
    }
    this.#groups.splice(nearest, 1);
  }
}
