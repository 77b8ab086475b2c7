import {
  ConnectionError,
  type EventMessage,
  type EventSubscription,
  type GapMessage,
  InvalidOptionError,
  isGap,
  subscribe,
  type SubscriptionState,
} from '@tidings/client';
import { noticeBeginning, noticePattern, noticeType, noticeUrl } from '../command-line/topic-names.ts';
import { CliError } from '../errors.ts';
import { explainEnd } from '../http/explain.ts';
import { describeFailure, unreachable } from '../http/failure.ts';
import { authorization, type HubAddress, listenUrl, type Matchers } from '../http/hub-address.ts';
import { onInterrupt } from '../terminal/interrupt.ts';
import { hasColours, notice, print, visible } from '../terminal/output.ts';
import { describeGap, formatEvent, formatJson, type FormatOptions, openEnvelope } from './event-format.ts';
import { readStart } from './start.ts';

/** A connection that is silent for longer is dead, in milliseconds. A hub sends four keep-alives in this time (PROTOCOL §5.5). */
const IDLE_TIMEOUT_MS = 60_000;

/** The waits between attempts, in milliseconds. They are shorter than those of a page, because a person is waiting. */
const RETRY = { initialMs: 500, maxMs: 5_000 };

export interface Listen {
  readonly hub: HubAddress;
  readonly matchers: Matchers;
  /** The types of the events. None stands for all. */
  readonly types: readonly string[];
  /** A cursor, the id of an event, `earliest`, a time or a duration up to now. @default only new events */
  readonly since?: string | undefined;
  /** The number of newest events to start with. @default 0 */
  readonly last?: number | undefined;
  /** Whether to print one JSON object a line. */
  readonly json: boolean;
  /** Whether to wait for a hub that is not there yet. */
  readonly wait: boolean;
}

/**
 * Prints events as they come, until Ctrl-C or until the topic is closed (PROTOCOL §12.3).
 *
 * @throws {CliError} `ERR_USAGE`, `ERR_UNREACHABLE` where the first attempt finds no hub and it is not to be waited for, `ERR_REFUSED`
 */
export async function listen({ hub, matchers, types, since, last, json, wait }: Listen): Promise<void> {
  const start = since === undefined ? {} : readStart(since);
  const url = listenUrl(hub.url, matchers);
  for (const topic of matchers.topics) {
    noticeUrl(topic, hub);
    noticePattern(topic);
  }
  for (const pattern of matchers.patterns) noticeBeginning(pattern, hub);
  types.forEach(noticeType);
  if (last !== undefined) url.searchParams.set('last', String(last));
  for (const type of types) url.searchParams.append('type', type);
  if (start.since !== undefined) url.searchParams.set('since', start.since);
  const headers = authorization(hub);
  const monitor = new Monitor(hub, matchers, wait);
  let events: EventSubscription;
  try {
    events = subscribe(url, {
      headers,
      lastEventId: start.lastEventId ?? '',
      retry: { ...RETRY, retryStatus: (status) => (wait || monitor.hasConnected) && (status === 429 || status >= 500) },
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      onState: (state) => monitor.follow(state, () => events.close()),
    });
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    // The cursor is the only option whose text comes from the command line.
    throw new CliError('ERR_USAGE', `the value of --since cannot be sent: ${error.message}`, { cause: error });
  }
  const release = onInterrupt(() => {
    monitor.isStopped = true;
    events.close();
  });
  const options: FormatOptions = {
    showTopic: matchers.topics.length > 1 || matchers.patterns.length > 0,
    colours: hasColours(),
    now: Date.now,
  };
  try {
    for await (const event of events) await print(format(event, json, options));
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    throw new CliError('ERR_REFUSED', await explainEnd(error, url, headers), { cause: error });
  } finally {
    release();
  }
  if (monitor.failure !== undefined) throw monitor.failure;
  if (!monitor.isStopped) notice(`${visible(matchers.topics.join(', '))} is closed: no more events will come`);
}

/** Reports each change of the connection once. */
class Monitor {
  readonly #hub: HubAddress;
  readonly #what: string;
  readonly #isPatient: boolean;
  /** Whether the person has ended it, and not the hub. */
  isStopped = false;
  #connected = false;
  #lost = false;
  #failure: CliError | undefined;

  constructor(hub: HubAddress, { topics, patterns }: Matchers, wait: boolean) {
    this.#hub = hub;
    this.#isPatient = wait;
    this.#what = [...topics, ...patterns].join(', ');
  }

  /** Before the first connection a refusal is final. */
  get hasConnected(): boolean {
    return this.#connected;
  }

  /** Why the first attempt failed, or undefined if it did not. */
  get failure(): CliError | undefined {
    return this.#failure;
  }

  follow(state: SubscriptionState, close: () => void): void {
    if (state.phase === 'open') {
      if (!this.#connected) notice(`Listening to ${this.#what} at ${this.#hub.url.href} (Ctrl-C ends)`);
      else if (this.#lost) notice('Connected again');
      this.#connected = true;
      this.#lost = false;
    } else if (state.phase === 'waiting' && this.#connected) {
      // A stream that ends whole may have come to its end: then the next attempt is answered that no more will come.
      if (!this.#lost && state.error?.code === 'ERR_STREAM_ENDED') return;
      if (!this.#lost) notice('Lost the connection to the hub, trying again…');
      this.#lost = true;
    } else if (state.phase === 'waiting' && this.#isPatient) {
      const reason = describeFailure(state.error);
      if (!this.#lost) notice(`Cannot listen to the hub at ${this.#hub.url.href} (${reason}), trying again…`);
      this.#lost = true;
    } else if (state.phase === 'waiting') {
      // Right after the command was typed, a wrong address should be reported and not waited for.
      this.#failure = unreachable('listen to', this.#hub, describeFailure(state.error), state.error);
      close();
    }
  }
}

function format(event: EventMessage | GapMessage, json: boolean, options: FormatOptions): string {
  if (isGap(event)) {
    const { after, resumedAt, reason } = event;
    notice(describeGap(event));
    return json ? `${JSON.stringify({ gap: { after, resumedAt, reason } })}\n` : '';
  }
  const received = openEnvelope(event);
  return json ? formatJson(received) : formatEvent(received, options);
}
