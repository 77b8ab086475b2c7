import { randomUUID } from 'node:crypto';
import { type NewEvent, ServerError } from '@tidings/server/log';
import { Rates, type Sender } from '../../access/rates.ts';
import { Problem } from '../../http/problem.ts';
import type { FaceContext } from '../face.ts';
import { subscriptionPath } from './addresses.ts';
import type { Grant } from './grants.ts';
import type { Asked } from './matchers.ts';
import type { MercureDialect } from './options.ts';
import { SUBSCRIPTION_TYPE } from './publish.ts';

/** The context of the documents of the old dialect. */
export const CONTEXT = 'https://mercure.rocks/';

/** One matcher of one subscriber. */
export interface Subscription extends Asked {
  readonly dialect: MercureDialect;
  /** The path of its URL, which is the topic of its events. */
  readonly path: string;
  readonly subscriber: string;
  readonly payload: unknown;
}

/** A subscriber from its coming to its leaving. */
export interface Subscriber {
  /** Does nothing if it has left already. */
  comes(): void;
  leaves(): void;
}

// What counts as one event of those that tell of a sender, in bytes of its topic and its data.
const UNIT_BYTES = 1024;

// What could not be stored is stored after this long, in milliseconds.
const AGAIN_MS = 1000;

/** What the log was told about a subscriber, and what is so. */
interface Telling {
  readonly subscriptions: readonly Subscription[];
  isActive: boolean;
  isToldActive: boolean;
  isBusy: boolean;
}

/** Which subscriptions are asked for, as data. */
export interface Wanted {
  readonly dialect: MercureDialect;
  readonly type?: string | undefined;
  readonly match?: string | undefined;
  readonly subscriber?: string | undefined;
}

// What the processes of a hub ask each other, and what they count together.
const LIST = 'subscriptions';
const EVENTS = 'subscription events';

/** Those of one process. */
interface Listed {
  readonly process: number;
  readonly found: readonly Subscription[];
}

/**
 * The active subscriptions of the listeners. Each that begins or ends is told by a private event of the log. Those of a process that dies are told to have ended by the process
 * of the log, with which it has left the events.
 */
export class Subscriptions {
  readonly #context: FaceContext;
  readonly #active = new Set<readonly Subscription[]>();
  /** How many events the subscriptions of each sender have made. */
  readonly #rates: Rates;

  constructor(context: FaceContext) {
    this.#context = context;
    const { limits, processes } = context;
    const { maxSubscriptionEventsPerSecond: maxEventsPerSecond } = limits;
    this.#rates = new Rates(EVENTS, { maxEventsPerSecond, maxBytesPerSecond: Number.POSITIVE_INFINITY }, context);
    processes.onAsk(LIST, (wanted: Wanted) => this.#listHere(wanted));
    // The process of the log was started again, or another one has taken its place.
    processes.onGone((process) => {
      if (process === undefined) for (const all of this.#active) this.#leave(all, true);
    });
  }

  /**
   * A new subscriber, with an id of its own. What is told of it counts from now on as published by its sender, its end as well: nothing can refuse that later.
   * @throws {Problem} `too-many-requests`
   */
  subscriber(
    sender: Sender,
    dialect: MercureDialect,
    hub: string,
    asked: readonly Asked[],
    grant: Grant | undefined,
  ): Subscriber {
    const id = `urn:uuid:${randomUUID()}`;
    const unique = new Map(asked.map((each) => [JSON.stringify([each.type, each.match]), each]));
    const subscriptions = [...unique.values()].map(({ type, match }) => ({
      dialect,
      type,
      match,
      path: subscriptionPath(hub, [...(type ? [type] : []), match, id]),
      subscriber: id,
      payload: grant?.payloadOf(match),
    }));
    this.#count(sender, subscriptions);
    const telling: Telling = { subscriptions, isActive: false, isToldActive: false, isBusy: false };
    const turn = (isActive: boolean): void => {
      if (isActive) this.#active.add(subscriptions);
      else this.#active.delete(subscriptions);
      telling.isActive = isActive;
      void this.#tell(telling);
    };
    let hasLeft = false;
    return {
      comes: () => {
        if (!hasLeft) turn(true);
      },
      leaves: () => {
        hasLeft = true;
        turn(false);
      },
    };
  }

  /** @throws {Problem} `too-many-requests` */
  #count(sender: Sender, subscriptions: readonly Subscription[]): void {
    const { rates, limits } = this.#context;
    rates.check(sender);
    const ms = this.#rates.waitMs(sender);
    if (ms > 0) {
      const found = `${limits.maxSubscriptionEventsPerSecond} events a second are the most that may tell of one sender`;
      throw new Problem('too-many-requests', `Too many subscriptions have begun and ended: ${found}`, {
        headers: { 'Retry-After': String(Math.ceil(ms / 1000)) },
      });
    }
    const sizes = subscriptions.map((each) => Buffer.byteLength(each.path + JSON.stringify(documentOf(each, false))));
    const units = sizes.reduce((sum, size) => sum + Math.ceil(size / UNIT_BYTES), 0);
    this.#rates.count(sender, 2 * units, 0);
    rates.count(sender, 2 * sizes.length, 2 * sizes.reduce((sum, size) => sum + size, 0));
  }

  /** Those of all processes that are asked for: of one process after the other, in the order of their coming. */
  async list(wanted: Wanted): Promise<readonly Subscription[]> {
    const others = await this.#context.processes.ask<Listed>(LIST, wanted);
    const all = [...others, this.#listHere(wanted)].toSorted((one, other) => one.process - other.process);
    return all.flatMap(({ found }) => found);
  }

  #listHere(wanted: Wanted): Listed {
    const found = [...this.#active].flatMap((all) => all.filter((each) => isWanted(each, wanted)));
    return { process: this.#context.processes.number, found };
  }

  /** Leaves the events that tell of the end of subscriptions, for when this process dies, or takes them back. */
  #leave(subscriptions: readonly Subscription[], isActive: boolean): void {
    const [first] = subscriptions;
    if (!first) return;
    const events = isActive ? subscriptions.map((each) => eventOf(each, false)) : undefined;
    this.#context.processes.leave(first.subscriber, events);
  }

  /**
   * Tells the log until it knows what is so. A subscriber that has left before the log could be told of it is not told at all, so that those that come and go
   * while the log takes nothing are not remembered.
   */
  async #tell(telling: Telling): Promise<void> {
    if (telling.isBusy) return;
    telling.isBusy = true;
    if (telling.isActive) this.#leave(telling.subscriptions, true);
    while (telling.isActive !== telling.isToldActive) {
      const { isActive } = telling;
      const failure = await this.#append(telling.subscriptions, isActive);
      if (failure === 'closed') return;
      if (failure === undefined) telling.isToldActive = isActive;
      else await new Promise<void>((resolve) => void this.#context.clock.setTimeout(resolve, AGAIN_MS));
    }
    telling.isBusy = false;
    if (!telling.isActive) this.#leave(telling.subscriptions, false);
  }

  async #append(subscriptions: readonly Subscription[], isActive: boolean): Promise<'closed' | 'failed' | undefined> {
    const { log, writes, reports } = this.#context;
    try {
      await writes.watch(log.append(subscriptions.map((each) => eventOf(each, isActive))));
      return undefined;
    } catch (error) {
      if (error instanceof ServerError && error.code === 'ERR_CLOSED') return 'closed';
      reports.error(error, 'The events of a subscription could not be stored');
      return 'failed';
    }
  }
}

function isWanted(subscription: Subscription, { dialect, type, match, subscriber }: Wanted): boolean {
  return (
    subscription.dialect === dialect &&
    (type === undefined || subscription.type === type) &&
    (match === undefined || subscription.match === match) &&
    (subscriber === undefined || subscription.subscriber === subscriber)
  );
}

function eventOf(subscription: Subscription, isActive: boolean): NewEvent {
  const data = JSON.stringify(documentOf(subscription, isActive));
  const event = subscription.dialect === 'new' ? { event: SUBSCRIPTION_TYPE } : {};
  return { topics: [subscription.path], fields: { ...event, data }, private: true };
}

/** The document of a subscription, as it is listed and told. */
export function documentOf(
  { dialect, path, type, match, subscriber, payload }: Subscription,
  isActive: boolean,
): Record<string, unknown> {
  const rest = { subscriber, active: isActive, ...(payload === undefined ? {} : { payload }) };
  if (dialect === 'new') return { id: path, type: 'subscription', match_type: type, match, ...rest };
  return { '@context': CONTEXT, id: path, type: 'Subscription', topic: match, ...rest };
}
