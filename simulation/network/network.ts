import type { Fetch } from '@tidings/client';
import type { HubRequest } from '@tidings/hub';
import type { Answer } from '@tidings/server/live';
import type { Process } from '../scheduler/process.ts';
import type { Random } from '../scheduler/random.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { Exchange } from './exchange.ts';

/** A server that may be asked. */
export interface Endpoint {
  /** The one that runs there now. */
  readonly process: Process;
  readonly isListening: boolean;
  handle(request: HubRequest): Promise<Answer>;
}

/** A client of the network, and where it is sent. */
export interface Place {
  readonly region: number;
  /** The server that it was sent to last. */
  endpoint: number;
}

/** How likely a client that comes back is sent to the server where it was. */
const STICKY = 0.5;

/** How long a system sends again what is not acknowledged, before it gives the connection up, in milliseconds. */
const RETRANSMIT_MS = 20_000;

/** The ways between clients, in regions, and servers, behind a balancer of load. */
export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #endpoints: readonly Endpoint[];
  /** The exchanges that are open, by server. */
  readonly #open: Set<Exchange>[];
  /** The pairs of region and server between which nothing gets through. */
  readonly #blocked = new Set<string>();
  /** How much longer than usual everything takes for a region. */
  readonly slowness: number[];

  constructor(scheduler: Scheduler, random: Random, endpoints: readonly Endpoint[], regions: number) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#endpoints = endpoints;
    this.#open = endpoints.map(() => new Set());
    this.slowness = Array.from({ length: regions }, () => 1);
  }

  /** The `fetch` of a client. The balancer decides which server a request goes to, whatever the host in its URL is. */
  fetchOf(place: Place): Fetch {
    return async (url, init) => {
      if (!this.#random.chance(STICKY)) place.endpoint = this.#random.below(this.#endpoints.length);
      const { endpoint: number, region } = place;
      const endpoint = this.#endpoints[number];
      const open = this.#open[number];
      if (!endpoint || !open) throw new Error(`There is no server ${number}`);
      const exchange = new Exchange(
        this.#scheduler,
        endpoint,
        { region, delay: (bytes) => this.#delay(region, bytes) },
        (over) => void open.delete(over),
      );
      open.add(exchange);
      if (this.#blocked.has(`${region} ${number}`)) exchange.hold();
      return await exchange.begin(url, init);
    };
  }

  /** Lets nothing through between a region and a server, until {@link unblock}. */
  block(region: number, number: number): void {
    this.#blocked.add(`${region} ${number}`);
    const held = this.#between(region, number);
    for (const exchange of held) exchange.hold();
    this.#scheduler.after(undefined, RETRANSMIT_MS, () => {
      if (!this.#blocked.has(`${region} ${number}`)) return;
      const open = this.#open[number];
      for (const exchange of held) if (open?.has(exchange)) exchange.timeOut();
    });
  }

  unblock(region: number, number: number): void {
    if (!this.#blocked.delete(`${region} ${number}`)) return;
    for (const exchange of this.#between(region, number)) exchange.release();
  }

  unblockAll(): void {
    for (const pair of this.#blocked) {
      const [region = 0, number = 0] = pair.split(' ').map(Number);
      this.unblock(region, number);
    }
    this.slowness.fill(1);
  }

  /** Breaks a share of the connections of a server. */
  cut(number: number, share: number): void {
    for (const exchange of this.#open[number] ?? []) {
      if (!this.#random.chance(share)) continue;
      exchange.reset();
      exchange.timeOut();
    }
  }

  /** The process of a server is dead. @param isSilent whether its machine is dead, too */
  die(number: number, isSilent: boolean): void {
    for (const exchange of this.#open[number] ?? []) exchange.die(isSilent);
    this.#open[number]?.clear();
  }

  #between(region: number, number: number): Exchange[] {
    return [...(this.#open[number] ?? [])].filter((exchange) => exchange.region === region);
  }

  #delay(region: number, bytes: number): number {
    const slowness = this.slowness[region] ?? 1;
    return slowness * (this.#random.between(1, 30) + bytes / 2000);
  }
}
