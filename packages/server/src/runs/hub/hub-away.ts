import { ServerError } from '../../errors.ts';

/** How long it waits before it asks again, in milliseconds. */
export const AGAIN_MS = 100;

/** The longest that it waits because a hub says so, in milliseconds: what stands before a hub may say anything. */
const MAX_SAID_MS = 10_000;

/** How often it asks at least in the time that a caller waits: a lease may hang on it, and has lasted for a while. */
const MIN_ATTEMPTS = 3;

export interface HubAwayOptions extends ErrorOptions {
  /** After how long the hub wants to be asked again, in milliseconds. */
  readonly retryMs?: number | undefined;
}

/** A hub is away, busy or defective, and may be asked again. */
export class HubAway extends ServerError {
  readonly #retryMs: number | undefined;

  constructor(message: string, { retryMs, ...options }: HubAwayOptions = {}) {
    super('ERR_STORE_AWAY', message, options);
    this.#retryMs = retryMs;
  }

  /** After how long a hub that has failed so wants to be asked again, in milliseconds; undefined if it has not said so. */
  static retryMsOf(error: unknown): number | undefined {
    return error instanceof HubAway ? error.#retryMs : undefined;
  }
}

/**
 * How long to wait before a hub is asked again that has failed so, in milliseconds: as long as it has said.
 * @param ms for how long the caller waits at most
 * @param leftMs how much of that is left
 * @param usualMs how long it is if the hub has said nothing
 */
export function againMs(
  error: unknown,
  { ms, leftMs, usualMs = AGAIN_MS }: { readonly ms: number; readonly leftMs: number; readonly usualMs?: number },
): number {
  const saidMs = HubAway.retryMsOf(error);
  return saidMs === undefined ? usualMs : Math.max(usualMs, Math.min(saidMs, MAX_SAID_MS, ms / MIN_ATTEMPTS, leftMs));
}

/** What an answer says in `Retry-After`, in milliseconds. @param now milliseconds since 1970 */
export function retryMsOf({ headers }: Response, now: number): number | undefined {
  const text = headers.get('retry-after') ?? '';
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : ms;
}
