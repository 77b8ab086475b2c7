import { Hub, type HubOptions, listeners, health, topics } from '@tidings/hub';
import { NatsLog, type NatsLogOptions } from '@tidings/nats';
import { EventStreamDecoder } from '@tidings/wire';
import { onTestFinished } from 'vitest';
import { serveHub } from './serve-hub.ts';

const nothing = (): void => {};
const SILENT = { debug: nothing, warn: nothing, error: nothing, isLevelEnabled: () => false };

/** A hub in this process, which is a node of a log. */
export interface HubNode {
  readonly url: string;
  readonly hub: Hub;
  readonly log: NatsLog;
}

export async function startNode(options: NatsLogOptions): Promise<HubNode> {
  const log = await NatsLog.open({ onError: () => {}, ...options });
  const hub = new Hub({
    log,
    faces: [topics(), listeners(), health()],
    logger: SILENT as unknown as NonNullable<HubOptions['logger']>,
  });
  return { url: `http://127.0.0.1:${await serveHub(hub)}`, hub, log };
}

export interface Received {
  readonly id: string;
  readonly data: string;
}

/** A listener that goes from one hub to another, and takes its last event ID along. */
export class Wanderer {
  readonly received: Received[] = [];
  readonly #urls: readonly string[];
  readonly #random: () => number;
  readonly #end = new AbortController();
  readonly #waiting = new Set<() => void>();
  #lastEventId = 'earliest';

  constructor(urls: readonly string[], path: string, random: () => number) {
    this.#urls = urls;
    this.#random = random;
    onTestFinished(() => this.#end.abort());
    void this.#wander(path);
  }

  async until(isSo: (received: readonly Received[]) => boolean): Promise<void> {
    while (!isSo(this.received)) {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  async #wander(path: string): Promise<void> {
    while (!this.#end.signal.aborted) {
      const url = this.#urls[Math.floor(this.#random() * this.#urls.length)] ?? '';
      await this.#listen(url + path, 1 + Math.floor(this.#random() * 40)).catch(() => {});
    }
  }

  /** Listens until it has got so many events, or the answer ends. */
  async #listen(url: string, count: number): Promise<void> {
    const leave = new AbortController();
    const signal = AbortSignal.any([leave.signal, this.#end.signal]);
    const response = await fetch(url, { headers: { 'last-event-id': this.#lastEventId }, signal });
    if (response.status !== 200 || !response.body) {
      await response.body?.cancel();
      return;
    }
    let left = count;
    const decoder = new EventStreamDecoder({
      lastEventId: this.#lastEventId,
      onId: (id) => {
        if (left > 0) this.#lastEventId = id;
      },
      onEvent: ({ type, data, lastEventId: id }) => {
        if (left <= 0 || type === 'tidings-heartbeat') return;
        left -= 1;
        this.received.push({ id, data: type === 'message' ? data : `${type} ${data}` });
        for (const wake of this.#waiting) wake();
        this.#waiting.clear();
      },
    });
    for await (const chunk of response.body) {
      decoder.write(chunk);
      if (left <= 0) break;
    }
    leave.abort();
  }
}
