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
import { ask, describeRefusal } from './answer.ts';
import { CliError } from './cli-error.ts';
import { describeGap, printEvent, printJson, type PrinterOptions } from './event-printer.ts';
import { describeFailure } from './failure.ts';
import { authorization, type HubAddress, listenUrl, type Matchers } from './hub-address.ts';
import { notice } from './notice.ts';
import { openEnvelope } from './received-event.ts';

/** Four keep-alives of a hub at its default (PROTOCOL §5.5), in milliseconds: a line silent for longer is dead. */
const IDLE_TIMEOUT_MS = 60_000;

/** A person waits, so the tries are closer together than a page's, in milliseconds. */
const RETRY = { initialMs: 500, maxMs: 5_000 };

/** How long asking for the reason of a refusal may take, in milliseconds. */
const EXPLAIN_TIMEOUT_MS = 5_000;

export interface Listen {
  readonly hub: HubAddress;
  readonly matchers: Matchers;
  /** A cursor, an event's id, or `earliest`. @default from now on */
  readonly since?: string | undefined;
  /** Start with so many events that are kept. @default none */
  readonly last?: number | undefined;
  /** Whether to print one JSON object a line. */
  readonly json: boolean;
}

/**
 * Prints events as they come, until Ctrl-C or until the hub ends the stream.
 *
 * @throws {CliError} `ERR_USAGE`, `ERR_UNREACHABLE` where the first try finds no hub, `ERR_REFUSED`
 */
export async function listen({ hub, matchers, since, last, json }: Listen): Promise<void> {
  const url = listenUrl(hub.url, matchers);
  if (last !== undefined) url.searchParams.set('last', String(last));
  const headers = authorization(hub);
  const monitor = new Monitor(hub, matchers);
  let events: EventSubscription;
  try {
    events = subscribe(url, {
      headers,
      lastEventId: since ?? '',
      retry: { ...RETRY, retryStatus: (status) => monitor.hasConnected && (status === 429 || status >= 500) },
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      onState: (state) => monitor.follow(state, () => events.close()),
    });
  } catch (error) {
    if (error instanceof InvalidOptionError) throw new CliError('ERR_USAGE', error.message, { cause: error });
    throw error;
  }
  const stop = (): void => events.close();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const options: PrinterOptions = {
    showTopic: matchers.topics.length > 1 || matchers.patterns.length > 0,
    colours: hasColours(),
    now: Date.now,
  };
  try {
    for await (const event of events) await write(print(event, json, options));
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    throw new CliError('ERR_REFUSED', await explain(error, url, headers), { cause: error });
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
  if (monitor.failure !== undefined) throw monitor.failure;
}

/** Tells the person how the connection is, no more often than it changes. */
class Monitor {
  readonly #hub: HubAddress;
  readonly #what: string;
  #connected = false;
  #lost = false;
  #failure: CliError | undefined;

  constructor(hub: HubAddress, { topics, patterns }: Matchers) {
    this.#hub = hub;
    this.#what = [...topics, ...patterns].join(', ');
  }

  /** A refusal of the very first try is told at once. */
  get hasConnected(): boolean {
    return this.#connected;
  }

  /** Why the subscription was given up. */
  get failure(): CliError | undefined {
    return this.#failure;
  }

  follow(state: SubscriptionState, close: () => void): void {
    if (state.phase === 'open') {
      if (!this.#connected) notice(`Listening to ${this.#what} at ${this.#hub.url.href}, Ctrl-C ends`);
      else if (this.#lost) notice('Connected again');
      this.#connected = true;
      this.#lost = false;
    } else if (state.phase === 'waiting' && this.#connected) {
      if (!this.#lost) notice('Lost the hub, trying again…');
      this.#lost = true;
    } else if (state.phase === 'waiting') {
      // Whoever has just typed the command wants to see a wrong address, not to wait for it.
      const reason = describeFailure(state.error);
      this.#failure = new CliError(
        'ERR_UNREACHABLE',
        `cannot listen to the hub at ${this.#hub.url.href} (${reason}): is it running? "tidings serve" starts one`,
        { cause: state.error },
      );
      close();
    }
  }
}

function print(event: EventMessage | GapMessage, json: boolean, options: PrinterOptions): string {
  if (isGap(event)) {
    const { after, resumedAt, reason } = event;
    notice(describeGap(event));
    return json ? `${JSON.stringify({ gap: { after, resumedAt, reason } })}\n` : '';
  }
  const received = openEnvelope(event);
  return json ? printJson(received) : printEvent(received, options);
}

/** Resolves when standard output has taken it, so that a slow reader slows the stream down. */
async function write(text: string): Promise<void> {
  if (text === '' || process.stdout.write(text)) return;
  await new Promise((resolve) => {
    process.stdout.once('drain', resolve);
  });
}

function hasColours(): boolean {
  const { NO_COLOR: noColour = '', TERM: terminal } = process.env;
  return process.stdout.isTTY && noColour === '' && terminal !== 'dumb';
}

/** A refusal's reason is in a body that the subscription does not read, so it is asked for. */
async function explain(error: ConnectionError, url: URL, headers: Record<string, string>): Promise<string> {
  if (error.status === undefined || error.status === 200) return error.message;
  try {
    const answer = await ask(url, {
      method: 'GET',
      headers: { ...headers, accept: 'text/event-stream' },
      timeoutMs: EXPLAIN_TIMEOUT_MS,
    });
    return answer.status === error.status ? describeRefusal(answer) : error.message;
  } catch {
    return error.message;
  }
}
