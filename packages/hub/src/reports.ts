import type { Rights } from '@tidings/server';
import type { EndReason, KnownListener, RequestHead } from '@tidings/server/live';
import type { Logger } from 'pino';
import type { Counts } from './counts.ts';

/** The query parameters that may be logged. Any other one may be a key. */
const SHOWN_PARAMETERS: ReadonlySet<string> = new Set([
  'topic',
  'match',
  'match_urlpattern',
  'last',
  'type',
  'private',
]);

/** What is logged about a listener when it comes, and again when it goes. */
interface Listening {
  /** Numbers the listeners of this process. */
  readonly listener: number;
  readonly url: string;
  readonly address: string | undefined;
  readonly subject: string | undefined;
}

/**
 * Writes to the logger of a hub: each failure once, and on the level `debug` publishes, refusals, and listeners that come and go. It never writes a key, a
 * token or the data of an event.
 */
export class Reports {
  readonly #logger: Logger | undefined;
  readonly #counts: Counts;
  readonly #told = new WeakSet<object>();
  readonly #listening = new WeakMap<KnownListener, Listening>();
  #listeners = 0;

  /**
   * @param logger without one, errors and warnings go to the console
   * @param counts where refusals are counted
   */
  constructor(logger: Logger | undefined, counts: Counts) {
    this.#logger = logger;
    this.#counts = counts;
  }

  /** An error that is reported nowhere else. The same error, such as that of a disk for which many have waited, is written once. */
  error(error: unknown, message: string): void {
    if (typeof error === 'object' && error !== null) {
      if (this.#told.has(error)) return;
      this.#told.add(error);
    }
    if (this.#logger) this.#logger.error({ err: error }, message);
    // oxlint-disable-next-line no-console -- the one place that every program has for an error that nobody asked about
    else console.error(`${message}:`, error);
  }

  warn(about: object, message: string): void {
    if (this.#logger) this.#logger.warn(about, message);
    // oxlint-disable-next-line no-console -- the one place that every program has for what nobody asked about
    else console.warn(`${message}:`, about);
  }

  /** A listener's stream has started. */
  listens(listener: KnownListener, request: RequestHead, lastEventId: string): void {
    if (!this.#isVerbose) return;
    this.#listeners += 1;
    const { subject, address } = listener;
    const listening = { listener: this.#listeners, url: shownUrl(request), address, subject };
    this.#listening.set(listener, listening);
    this.#logger?.debug({ ...listening, lastEventId }, 'A listener has come');
  }

  /** A listener's stream has ended. */
  leaves(listener: KnownListener, reason: EndReason, durationMs: number): void {
    const listening = this.#listening.get(listener);
    if (listening)
      this.#logger?.debug({ ...listening, reason, durationMs: Math.round(durationMs) }, 'A listener has gone');
  }

  /** Something was published. */
  published(request: RequestHead, { subject }: Rights, events: number): void {
    if (events === 0 || !this.#isVerbose) return;
    this.#logger?.debug({ url: shownUrl(request), address: request.address, subject, events }, 'Events were published');
  }

  /** The program published an event. */
  publishedHere(topic: string, subject: string | undefined): void {
    if (this.#isVerbose) this.#logger?.debug({ topic, subject, events: 1 }, 'The program published an event');
  }

  /**
   * A request was refused, which is also counted.
   * @param reason the name of the problem, or `expired`, if it is known
   */
  refused(request: RequestHead, status: number, reason: string | undefined, subject: string | undefined): void {
    this.#counts.refusals.add(reason ?? 'other');
    if (!this.#isVerbose) return;
    const { method, address } = request;
    this.#logger?.debug({ method, url: shownUrl(request), address, subject, status, reason }, 'A request was refused');
  }

  get #isVerbose(): boolean {
    return this.#logger?.isLevelEnabled('debug') ?? false;
  }
}

/** The path and the parameters that may be logged. */
function shownUrl({ url }: RequestHead): string {
  if (!URL.canParse(url)) return '';
  const { pathname, searchParams } = new URL(url);
  const shown = new URLSearchParams([...searchParams].filter(([name]) => SHOWN_PARAMETERS.has(name)));
  return shown.size === 0 ? pathname : `${pathname}?${shown.toString()}`;
}
