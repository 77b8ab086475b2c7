import type { RestartableHub } from './hub.ts';

/** What was published, and what of it the hub has answered for. Each event's data is its name and occurs once. */
export class Ledger {
  /** Sent, and answered 200. */
  readonly acknowledged: Set<string> = new Set();
  /** Sent at least once. */
  readonly sent: Set<string> = new Set();
  /** What was sent with one key as one event stream: whole or not at all, and in this order. */
  readonly batches: string[][] = [];
  #allowed = 0;
  #waiting: (() => void)[] = [];

  acknowledge(names: readonly string[]): void {
    for (const name of names) this.acknowledged.add(name);
    this.#wake();
  }

  /** Waits until this many more events have been acknowledged. */
  async acknowledgedMore(count: number): Promise<void> {
    const goal = this.acknowledged.size + count;
    await this.#until(() => this.acknowledged.size >= goal);
  }

  /** Lets the publishers send this many more events, so that they do not get too far ahead of the listeners that the test waits for. */
  allow(count: number): void {
    this.#allowed = this.sent.size + count;
    this.#wake();
  }

  /** Waits until the events may be sent, and notes that they are. */
  async send(names: readonly string[], stop: AbortSignal): Promise<void> {
    stop.addEventListener('abort', () => this.#wake(), { once: true });
    await this.#until(() => stop.aborted || this.sent.size + names.length <= this.#allowed);
    if (!stop.aborted) for (const name of names) this.sent.add(name);
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

interface PublisherOptions {
  readonly name: string;
  /** Events in one request: 1 is a plain publish, more are an event stream. */
  readonly batch: number;
  /** Whether a request carries an idempotency key and is sent again until it is answered. */
  readonly insists: boolean;
}

const PUBLISHERS: readonly PublisherOptions[] = [
  { name: 'plain-1', batch: 1, insists: false },
  { name: 'plain-2', batch: 1, insists: false },
  { name: 'insisting', batch: 1, insists: true },
  { name: 'stream', batch: 7, insists: false },
  { name: 'insisting-stream', batch: 11, insists: true },
];

/** Several publishers at once, until they are told to stop. Resolves when all have. */
export async function publishAll(hub: RestartableHub, path: string, ledger: Ledger, stop: AbortSignal): Promise<void> {
  await Promise.all(PUBLISHERS.map((options) => publishOn(hub, path, ledger, stop, options)));
}

async function publishOn(
  hub: RestartableHub,
  path: string,
  ledger: Ledger,
  stop: AbortSignal,
  { name, batch, insists }: PublisherOptions,
): Promise<void> {
  for (let request = 1; ; request += 1) {
    const names = Array.from({ length: batch }, (_, n) => `${name} ${request}.${n + 1}`);
    await ledger.send(names, stop);
    if (stop.aborted) return;
    if (insists) ledger.batches.push(names);
    const [only = ''] = names;
    const body = batch === 1 ? only : names.map((data) => `data: ${data}\n\n`).join('');
    const headers = {
      'content-type': batch === 1 ? 'text/plain' : 'text/event-stream',
      ...(insists ? { 'idempotency-key': `${name} ${request}` } : {}),
    };
    for (let answered = false; !answered;) {
      await hub.up;
      answered = await isAcknowledged(hub.url + path, headers, body);
      if (answered) ledger.acknowledge(names);
      else if (!insists) break;
    }
  }
}

/** Publishes, and says whether the whole answer was read and was 200. */
async function isAcknowledged(url: string, headers: Record<string, string>, body: string): Promise<boolean> {
  try {
    const response = await fetch(url, { method: 'POST', headers, body });
    const answer = await response.text();
    if (response.status !== 200) throw new RefusedError(`A publish was answered ${response.status}: ${answer}`);
    return true;
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    // The hub was killed meanwhile, so what became of the events is not known.
    return false;
  }
}

class RefusedError extends Error {}
