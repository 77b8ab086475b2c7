import { type Clock, turnAfter } from '@tidings/server/live';
import { counted } from '@tidings/server/log';
import type { Counts } from '../counts.ts';
import type { HubLimits } from '../limits.ts';
import { codingOf, decodeBody } from './content-coding.ts';
import { Problem } from './problem.ts';
import { draining, type HubRequest } from './request.ts';

// A body that is read whole stands still if less than this of it arrives in `maxBodyStallMs`.
const MIN_PROGRESS_BYTES = 16 * 1024;

// What decodes a body of gzip holds about this much.
const GZIP_BYTES = 128 * 1024;

// Room for the parts of a body that comes in several.
const MIN_ROOM_BYTES = 4 * 1024;

// A body that has come more slowly than MIN_BYTES_PER_S for this long is given up if others need its memory, in milliseconds.
const PATIENCE_MS = 1000;
const MIN_BYTES_PER_S = 1024;

// And so is any body that has held memory for this long: many that come just fast enough would keep others from publishing.
const LONG_MS = 10_000;

const MAX_TIMER_MS = 2 ** 31 - 1;

const NOTHING: Uint8Array = new Uint8Array();

/** The bodies that are being read. Together they hold a bounded number of bytes, and none of them may stand still (PROTOCOL §4.8). */
export class Bodies {
  readonly limits: HubLimits;
  readonly clock: Clock;
  readonly counts: Pick<Counts, 'receivedBytes'>;
  readonly #open = new Set<Body>();
  #bytes = 0;

  /** Whether bodies that stay open, and all bodies, may be read no longer. */
  readonly #closing: AbortSignal;
  readonly #deadline: AbortSignal;

  /**
   * @param counts where the bytes are counted that are read
   * @param closing aborted when bodies that may stay open for as long as their senders like have to end
   * @param deadline aborted when no more may be read
   */
  constructor(
    { limits, clock, counts }: Pick<Bodies, 'limits' | 'clock' | 'counts'>,
    { closing, deadline }: { readonly closing: AbortSignal; readonly deadline: AbortSignal },
  ) {
    this.limits = limits;
    this.clock = clock;
    this.counts = counts;
    this.#closing = closing;
    this.#deadline = deadline;
    for (const signal of [closing, deadline]) {
      signal.addEventListener('abort', () => {
        for (const body of this.#open) this.#stopIfOver(body);
      });
    }
  }

  #stopIfOver(body: Body): void {
    if (this.#deadline.aborted || (this.#closing.aborted && body.staysOpen)) body.stop(draining());
  }

  /** Begins to read the body of a request. The reader closes it when it holds nothing of it any more. */
  open(request: HubRequest): Body {
    return new Body(this, request);
  }

  /** To be called by a body only, before its first part is read. */
  add(body: Body): void {
    this.#open.add(body);
    this.#stopIfOver(body);
  }

  /** To be called by a body only. */
  close(body: Body): void {
    this.#open.delete(body);
  }

  /**
   * Counts bytes that a body holds from now on, or no longer holds. If there is no room for them, bodies that have hardly gone on for a while or have
   * taken long are given up, so that a client cannot keep others from publishing by sending little.
   * @throws {Problem} `too-many-uploads`
   */
  count(change: number): void {
    const { maxPendingBytes } = this.limits;
    while (change > 0 && this.#bytes + change > maxPendingBytes) {
      const late = this.#latest();
      if (!late) throw tooMany(maxPendingBytes);
      late.giveUp(tooMany(maxPendingBytes));
    }
    this.#bytes += change;
  }

  /** Of the bodies that may be given up, the one that might have been for the longest time. */
  #latest(): Body | undefined {
    let latest: Body | undefined;
    let before = this.clock.now();
    for (const body of this.#open) {
      if (!body.isHolding || !body.isWaiting || body.lateFrom > before) continue;
      latest = body;
      before = body.lateFrom;
    }
    return latest;
  }
}

function tooMany(maxPendingBytes: number): Problem {
  return new Problem(
    'too-many-uploads',
    `The bodies that are being uploaded to this hub may hold ${maxPendingBytes} bytes together, and there is no room for this one`,
    { headers: { 'Retry-After': '1' } },
  );
}

/** How slowly a body may come. */
interface Pace {
  /** In each such time, in milliseconds … */
  readonly ms: number;
  /** … at least this many bytes have to arrive. */
  readonly bytes: number;
}

/** The body of one request. */
export class Body {
  readonly #bodies: Bodies;
  readonly #request: HubRequest;
  /** How many bytes are counted for it, and how many of these for what decodes it. */
  #held = 0;
  #decoderBytes = 0;
  #stop: ((problem: Problem) => void) | undefined;
  #stopped: Problem | undefined;
  /** Whether it is read as it arrives, for as long as its sender likes. */
  staysOpen = false;
  /** Whether its reader waits for a part. */
  isWaiting = false;
  /** Until when it has come fast enough to keep its memory, by the clock's `now`. */
  #slowSince: number;
  /** Since when it holds something. */
  #heldSince = 0;

  constructor(bodies: Bodies, request: HubRequest) {
    this.#bodies = bodies;
    this.#request = request;
    this.#slowSince = bodies.clock.now();
  }

  /** Reads it whole. @throws {Problem} `too-large`, `too-slow`, `too-many-uploads`, `invalid-event`, `draining` */
  async whole(maxBytes: number): Promise<Uint8Array> {
    const { maxPendingBytes, maxBodyStallMs } = this.#bodies.limits;
    const max = Math.min(maxBytes, maxPendingBytes);
    // If a request says that its body is too large, none of it has to be read.
    if (declaredLength(this.#request) > max) throw tooLarge(max);
    // What has come already is small, and is not counted: the log counts it when the reader gives it to the log.
    const received = isPlain(this.#request) ? this.#request.received?.() : undefined;
    if (received && received.length > max) throw tooLarge(max);
    if (received) {
      this.#bodies.counts.receivedBytes += received.length;
      return received;
    }
    const parts = this.#parts({ ms: maxBodyStallMs, bytes: MIN_PROGRESS_BYTES });
    let bytes = NOTHING;
    let length = 0;
    try {
      for (;;) {
        const part = await parts.next();
        if (!part) return bytes.subarray(0, length);
        const end = length + part.length;
        if (end > max) throw tooLarge(max);
        if (end > bytes.length) {
          const size = length === 0 ? end : Math.min(max, Math.max(MIN_ROOM_BYTES, 2 * end));
          this.holds(size);
          const room = length === 0 ? part : Buffer.allocUnsafeSlow(size);
          room.set(bytes.subarray(0, length));
          bytes = room;
        }
        // Copied, because many small parts would each cost far more than their bytes.
        if (bytes !== part) bytes.set(part, length);
        length = end;
      }
    } finally {
      parts.end();
    }
  }

  /**
   * Its parts as they arrive. The wait for each is bounded as for an upload that stays open. The caller says how many of their bytes are held.
   * @throws {Problem} `too-slow`, `too-many-uploads`, `invalid-event`, and `draining` as soon as the hub shuts down
   */
  async *parts(): AsyncIterable<Uint8Array> {
    this.staysOpen = true;
    const parts = this.#parts({ ms: this.#bodies.limits.maxUploadIdleMs, bytes: 1 });
    try {
      for (let part = await parts.next(); part; part = await parts.next()) yield part;
    } finally {
      parts.end();
    }
  }

  /** Says how many bytes of it are held now. @throws {Problem} `too-many-uploads` */
  holds(bytes: number): void {
    this.#count(bytes + this.#decoderBytes);
  }

  #count(bytes: number): void {
    this.#bodies.count(bytes - this.#held);
    // While it held nothing, nobody needed it to be fast.
    if (this.#held === 0 && bytes > 0) this.#slowSince = this.#heldSince = this.#bodies.clock.now();
    this.#held = bytes;
  }

  /** Ends the wait for a part that may never come. */
  stop(problem: Problem): void {
    this.#stopped ??= problem;
    this.#stop?.(this.#stopped);
  }

  /** From when on it may be given up if others need its memory. */
  get lateFrom(): number {
    return Math.min(this.#slowSince + PATIENCE_MS, this.#heldSince + LONG_MS);
  }

  get isHolding(): boolean {
    return this.#held > 0;
  }

  /** Ends it, and lets go of what it holds. */
  giveUp(problem: Problem): void {
    this.#count(0);
    this.stop(problem);
  }

  close(): void {
    this.#count(0);
    this.#bodies.close(this);
  }

  /**
   * Its parts, without their content coding. `next` gives undefined after the last one, and `end` has to be called. A client that breaks its body off
   * is no failure of the hub.
   */
  #parts({ ms, bytes }: Pace): { next(): Promise<Uint8Array | undefined>; end(): void } {
    const { clock } = this.#bodies;
    if (!isPlain(this.#request)) this.#decoderBytes = GZIP_BYTES;
    this.holds(0);
    const { parts, end } = decodeBody(this.#request);
    this.#bodies.add(this);
    let since = clock.now();
    // When the last part came, which its reader may still be busy with.
    let came = since;
    let progress = 0;
    let timer: unknown;
    const watch = (left: number): void => {
      timer = ms > MAX_TIMER_MS ? undefined : clock.setTimeout(check, left);
    };
    const check = (): void => {
      // While the reader is busy with a part, it does not wait for the next one.
      const left = this.isWaiting ? since + ms - clock.now() : ms;
      if (left > 0) watch(left);
      else this.stop(tooSlow(bytes, ms));
    };
    watch(ms);
    return {
      next: async () => {
        const busyMs = clock.now() - came;
        since += busyMs;
        this.#slowSince += busyMs;
        try {
          const step = await this.#next(parts);
          if (step.done === true) return undefined;
          this.#bodies.counts.receivedBytes += step.value.length;
          // A body whose next part is always there must leave others their turns.
          await turnAfter(step.value.length);
          came = clock.now();
          this.#hasCome(step.value.length, came);
          progress += step.value.length;
          if (progress >= bytes) {
            since = came;
            progress = 0;
          }
          return step.value;
        } catch (error) {
          if (error instanceof Problem) throw error;
          throw new Problem('invalid-event', 'The body was broken off before its end', { cause: error });
        }
      },
      end: () => {
        clock.clearTimeout(timer);
        end();
      },
    };
  }

  /** The iterator is not closed if this is stopped: it waits for a part itself. */
  async #next(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    if (this.#stopped) throw this.#stopped;
    this.isWaiting = true;
    try {
      return await new Promise((resolve, reject) => {
        this.#stop = reject;
        iterator.next().then(resolve, reject);
      });
    } finally {
      this.#stop = undefined;
      this.isWaiting = false;
    }
  }

  /** Bytes that have come make up for the time in which they may come. At most twice PATIENCE_MS has to be made up for. */
  #hasCome(bytes: number, now: number): void {
    const enoughMs = (bytes * 1000) / MIN_BYTES_PER_S;
    this.#slowSince = Math.min(now, Math.max(this.#slowSince, now - 2 * PATIENCE_MS) + enoughMs);
  }
}

/** The length that a request declares for its body, or 0 if it declares none. */
export function declaredLength(request: HubRequest): number {
  return isPlain(request) ? Number(request.header('content-length') ?? 0) : 0;
}

/** @throws {Problem} `unsupported-coding` */
function isPlain(request: HubRequest): boolean {
  return codingOf(request.header('content-encoding')) === 'identity';
}

function tooLarge(max: number): Problem {
  return new Problem('too-large', `The body is larger than ${counted(max, 'byte')}, which is the most`);
}

function tooSlow(bytes: number, ms: number): Problem {
  const enough = bytes === 1 ? 'Nothing' : `Less than ${bytes} bytes`;
  return new Problem('too-slow', `${enough} of the body came in ${ms} milliseconds`);
}
