import { ServerError } from '@tidings/server';
import type { MemoryLog, NewEvent } from '@tidings/server/log';
import assert from 'node:assert/strict';
import type { World } from './listener.ts';
import type { Published } from './published.ts';
import type { Given, NewModelEvent, Step } from './script.ts';

type TopicStep = Extract<Step, { readonly type: 'create' | 'lease' | 'give back' | 'delete' }>;

/** What the script does to topics: first to the list of the model, then to the log, which has to answer as the list says. */
export class TopicScript {
  readonly #log: MemoryLog;
  readonly #world: World;
  /** The last lease that each topic has had. */
  readonly #tokens = new Map<string, string>();

  constructor(log: MemoryLog, world: World) {
    this.#log = log;
    this.#world = world;
  }

  publish(events: readonly NewModelEvent[], given: Given): void {
    const { head } = this.#world.published;
    const batch = events.map(({ id, size, key, ...event }, index): NewEvent => {
      const data = `${head + 1 + index}${' '.repeat(size)}`;
      const forget = event.forget && key !== undefined;
      return { ...event, forget, latestKey: key, fields: id === undefined ? { data } : { data, id } };
    });
    this.#append(batch, given);
  }

  /** Publishes an event to each of some topics, which are open. */
  publishTo(topics: readonly string[]): void {
    const { head } = this.#world.published;
    const batch = topics.map((topic, index) => ({ topics: [topic], fields: { data: String(head + 1 + index) } }));
    this.#append(batch, 'right');
  }

  async take(next: TopicStep): Promise<void> {
    const { topic } = next;
    const { topics } = this.#log;
    const published = this.#settled();
    const now = this.#world.time();
    const { closing, lease } = published.topics.get(topic) ?? {};
    const token = this.#tokens.get(topic);
    const holds = lease !== undefined && lease.token === token;
    switch (next.type) {
      case 'create': {
        published.create(topic, next.options, now);
        return void (await topics.create(topic, next.options));
      }
      case 'lease': {
        const renewed = next.renews ? token : undefined;
        const isTaken = renewed === undefined && lease;
        const refusal = closing ? 'ERR_TOPIC_CLOSED' : isTaken ? 'ERR_LEASED' : undefined;
        const expected = refusal ?? (renewed !== undefined && !holds ? 'ERR_LEASE_LOST' : undefined);
        const found = await answer(topics.lease(topic, next.ms, { token: renewed }));
        assert.equal(found.code, expected);
        if (!found.value) return;
        this.#tokens.set(topic, found.value.token);
        return published.lease(topic, { token: found.value.token, ms: next.ms, until: now + next.ms }, now);
      }
      case 'give back': {
        if (holds) published.release(topic);
        const { code } = await answer(topics.release(topic, token ?? 'none'));
        return assert.equal(code, holds ? undefined : 'ERR_LEASE_LOST');
      }
      case 'delete': {
        const existed = published.delete(topic, now);
        return assert.deepEqual(await topics.delete(topic), { existed });
      }
    }
  }

  #append(batch: readonly NewEvent[], given: Given): void {
    const published = this.#settled();
    const leases = this.#leases(batch, given);
    const refusal = published.refusal(batch, leases);
    // First the list: with a log that answers at once, listeners may be written to while it is being appended to.
    if (refusal === undefined) published.append(batch, this.#world.time());
    void answer(this.#log.append(batch, { leases })).then(({ code }) => {
      if (code !== refusal) this.#world.failures.push(new Error(`a batch: ${code}, expected was ${refusal}`));
    });
  }

  #leases(batch: readonly NewEvent[], given: Given): string[] {
    if (given === 'none') return [];
    const { topics } = this.#world.published;
    const named = [...new Set(batch.flatMap((event) => event.topics))];
    return named.flatMap(
      (topic) => (given === 'right' ? topics.get(topic)?.lease?.token : this.#tokens.get(topic)) ?? [],
    );
  }

  #settled(): Published {
    const { published, time } = this.#world;
    published.settle(time());
    return published;
  }
}

/** What a method of the log resolves to, or the code with which it rejects. */
async function answer<T>(asked: Promise<T>): Promise<{ readonly value?: T; readonly code?: string }> {
  try {
    return { value: await asked };
  } catch (error) {
    if (error instanceof ServerError) return { code: error.code };
    throw error;
  }
}
