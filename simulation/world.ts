import { Record } from './check/record.ts';
import { type Entitlement, Truth } from './check/truth.ts';
import { Faults } from './faults/faults.ts';
import { type Plan, QUIET_MS } from './faults/plan.ts';
import { Listener, type ListenerManner } from './listeners/listener.ts';
import { Network } from './network/network.ts';
import { SimulatedNode } from './nodes/node.ts';
import { Publishers } from './publishers/publishers.ts';
import type { Outcome, Finding } from './outcome.ts';
import type { SimulatedClock } from './scheduler/clock.ts';
import { Random } from './scheduler/random.ts';
import type { Scheduler } from './scheduler/scheduler.ts';
import type { Surroundings } from './scheduler/surroundings.ts';
import type { Sockets } from './store/sockets.ts';
import { Store } from './store/store.ts';

/** How long everything works before everybody has to have everything, in milliseconds. */
const SETTLE_MS = 240_000;

/** How many findings are kept. One is enough, and thousands of listeners may find the same. */
const MAX_FINDINGS = 20;

const REGIONS = 8;
const PUBLISHERS = 5;

/** How many topics make an area, which listeners listen to with one pattern. */
const AREA = 4;

/** Of a hundred listeners, those that listen to one topic; of the rest, half listen to two, and half to an area. */
const OF_ONE_TOPIC = 0.7;

/** The share of listeners that come after the others. */
const LATE = 0.3;

/** What `globals.ts` was given, and errors that reached nobody. */
export interface Ground {
  readonly scheduler: Scheduler;
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly sockets: Sockets;
  readonly surroundings: Surroundings;
}

/** The simulated system, from its first process to its last check. */
export class World {
  readonly #plan: Plan;
  readonly #ground: Ground;
  readonly #truth: Truth;
  readonly #stores: readonly Store[];
  readonly #nodes: readonly SimulatedNode[];
  readonly #network: Network;
  readonly #publishers: Publishers;
  readonly #listeners: readonly Listener[];
  readonly #findings: Finding[] = [];
  #delivered = 0;
  #gaps = 0;

  constructor(plan: Plan, ground: Ground) {
    this.#plan = plan;
    this.#ground = ground;
    const { surroundings, clock, scheduler } = ground;
    const topics = Array.from({ length: plan.topics }, (_, index) => `areas/${Math.floor(index / AREA)}/${index}`);
    this.#truth = new Truth(entitlementsOf(topics), (what) => this.find('wrong', 'the log', what));
    this.#stores = Array.from(
      { length: plan.stores },
      (_, index) => new Store(surroundings, ground.sockets, index, (log) => this.#truth.follow(log)),
    );
    this.#nodes = Array.from(
      { length: plan.nodes },
      (_, index) => new SimulatedNode(surroundings, index, Store.path(index % plan.stores), index % 2 === 1),
    );
    this.#network = new Network(scheduler, surroundings.random, this.#nodes, REGIONS);
    const options = { count: PUBLISHERS, regions: REGIONS, topics, meanMs: plan.meanMs * PUBLISHERS };
    this.#publishers = new Publishers(
      surroundings,
      new Random(plan.seed, 'events'),
      { clock, network: this.#network, truth: this.#truth, options },
      (what) => this.find('wrong', 'a publisher', what),
    );
    this.#listeners = this.#makeListeners();
  }

  /** Runs it. Resolves when everybody has everything, or had time enough for that. */
  async run(): Promise<Outcome> {
    const { scheduler, random, sockets } = this.#ground;
    const endMs = this.#plan.seconds * 1000;
    for (const each of [...this.#stores, ...this.#nodes]) each.start();
    await scheduler.run(QUIET_MS / 3);
    for (const listener of this.#listeners) {
      // Some come later, at any time.
      const ms = random.chance(LATE) ? random.between(0, endMs) : random.between(0, QUIET_MS / 3);
      scheduler.after(undefined, ms, () => listener.start());
    }
    this.#publishers.start();
    new Faults({
      scheduler,
      random,
      network: this.#network,
      sockets,
      nodes: this.#nodes,
      stores: this.#stores,
      listeners: this.#listeners,
      publishers: this.#publishers,
      truth: this.#truth,
    }).plan(this.#plan.faults, endMs);
    scheduler.after(undefined, endMs, () => this.#publishers.end());
    await scheduler.run(endMs, () => this.#findings.length > 0);
    await this.#settle(endMs);
    return this.#outcome();
  }

  find(breach: Finding['breach'], who: string, what: string): void {
    if (this.#findings.length >= MAX_FINDINGS) return;
    this.#findings.push({ breach, who, what, at: Math.round(this.#ground.scheduler.now) });
  }

  /** Waits until everybody has everything. */
  async #settle(endMs: number): Promise<void> {
    const { scheduler } = this.#ground;
    for (let ms = endMs; ms <= endMs + SETTLE_MS; ms += 5000) {
      if (this.#findings.length > 0) return;
      await scheduler.run(ms, () => this.#findings.length > 0);
      if (this.#publishers.pending === 0 && this.#listeners.every(({ record }) => record.isComplete)) break;
    }
    if (this.#publishers.pending > 0) {
      this.find('wrong', 'the publishers', `${this.#publishers.pending} events were never answered`);
    }
    for (const [index, { record, phase, lastEventId, place }] of this.#listeners.entries()) {
      if (record.isComplete) continue;
      const where = `is ${phase} at ${lastEventId}, on node ${place.endpoint}`;
      this.find('lost', `listener ${index}`, `${record.missing} events did not come until the end: it ${where}`);
    }
  }

  #outcome(): Outcome {
    const { scheduler } = this.#ground;
    return {
      digest: scheduler.digest.toString(),
      findings: this.#findings,
      seconds: scheduler.now / 1000,
      steps: scheduler.done,
      faults: this.#plan.faults.length,
      events: this.#truth.events,
      delivered: this.#delivered,
      gaps: this.#gaps,
    };
  }

  #makeListeners(): Listener[] {
    const { listeners, seed, topics } = this.#plan;
    const { clock, surroundings } = this.#ground;
    const random = new Random(seed, 'listeners');
    return Array.from({ length: listeners }, (_, index) => {
      const kind = random.next();
      const first = kind < OF_ONE_TOPIC ? 0 : kind < (1 + OF_ONE_TOPIC) / 2 ? topics : 2 * topics;
      const count = first === 2 * topics ? Math.ceil(topics / AREA) : topics;
      const entitlement = this.#truth.entitlements[first + random.below(count)];
      if (!entitlement) throw new Error('There is nothing to listen to');
      const chance = random.next();
      const manner: ListenerManner = {
        url: `http://hub.example${entitlement.request}`,
        beginning: chance < 0.6 ? 'here' : chance < 0.8 ? 'now' : 'earliest',
        hasShortRights: random.chance(0.2),
      };
      const record = new Record(this.#truth, entitlement, (breach, what) =>
        this.find(breach, `listener ${index}`, what),
      );
      const place = { region: random.below(REGIONS), endpoint: random.below(this.#nodes.length) };
      const parts = { clock, network: this.#network, record, place };
      return new Listener(surroundings, parts, manner, (isGap) => {
        if (isGap) this.#gaps += 1;
        else this.#delivered += 1;
        this.#ground.scheduler.digest.add(index);
      });
    });
  }
}

/** What can be listened to: each topic, each with another one, and the areas. */
function entitlementsOf(topics: readonly string[]): Entitlement[] {
  const one = topics.map((topic) => ({ request: `/topics/${topic}`, topics: new Set([topic]), events: [] }));
  const two = topics.map((topic, index) => {
    const other = topics[(index + 1) % topics.length] ?? topic;
    return { request: `/topics?match=${topic}&match=${other}`, topics: new Set([topic, other]), events: [] };
  });
  const areas = [...new Set(topics.map((topic) => topic.slice(0, topic.lastIndexOf('/'))))].map((area) => ({
    request: `/topics?match_urlpattern=${area}/:room`,
    topics: new Set(topics.filter((topic) => topic.startsWith(`${area}/`))),
    events: [],
  }));
  return [...one, ...two, ...areas];
}
