import type { Truth } from '../check/truth.ts';
import type { Listener } from '../listeners/listener.ts';
import type { Network } from '../network/network.ts';
import { LATE_MS, type SimulatedNode } from '../nodes/node.ts';
import type { Publishers } from '../publishers/publishers.ts';
import type { Machine } from '../scheduler/clock.ts';
import type { Process } from '../scheduler/process.ts';
import type { Random } from '../scheduler/random.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { Sockets } from '../store/sockets.ts';
import type { Store } from '../store/store.ts';
import type { Fault } from './plan.ts';

/** What faults are done to. */
export interface Victims {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly network: Network;
  readonly sockets: Sockets;
  readonly nodes: readonly SimulatedNode[];
  readonly stores: readonly Store[];
  readonly listeners: readonly Listener[];
  readonly publishers: Publishers;
  readonly truth: Truth;
}

/** How long a node may take to shut down before it is killed, in milliseconds. */
const GRACE_MS = 15_000;

/** How many listeners one fault concerns, unless it concerns all: a crowd that is busy with nothing but coming back would hide everything else. */
const MANY = 5000;

/** Makes faults happen, and mends them. */
export class Faults {
  readonly #victims: Victims;
  /** Those that were made to be slow. */
  readonly #slow = new Set<Listener>();
  #epochs = 0;
  #endMs = 0;
  #isOver = false;

  constructor(victims: Victims) {
    this.#victims = victims;
  }

  /** Plans the faults. They are mended at `endMs`, whenever they began; those that would begin later do not happen. */
  plan(faults: readonly Fault[], endMs: number): void {
    const { scheduler } = this.#victims;
    this.#endMs = endMs;
    for (const fault of faults) {
      if (fault.at < endMs) scheduler.after(undefined, fault.at, () => this.#begin(fault));
    }
    scheduler.after(undefined, endMs, () => this.#mend());
  }

  #begin(fault: Fault): void {
    const { scheduler, random, network, sockets, nodes, stores, listeners, publishers } = this.#victims;
    const { ms, share, which } = fault;
    const number = which % nodes.length;
    const node = of(nodes, which);
    const store = of(stores, which);
    const region = which % network.slowness.length;
    switch (fault.kind) {
      case 'connections of a node break':
        return network.cut(number, share);
      case 'a region and a node do not reach each other':
        network.block(region, number);
        return this.#later(ms, () => network.unblock(region, number));
      case 'a node and its store do not reach each other':
        sockets.block(node.name);
        return this.#later(ms, () => sockets.unblock(node.name, share < 0.5));
      case 'a node loses its connection to the store':
        return sockets.cut(node.name);
      case 'a node stands still':
        return this.#stop(node.process, ms);
      case 'a node is killed':
        return this.#kill(number, false, ms / 4);
      case 'the machine of a node dies':
        return this.#kill(number, true, ms);
      case 'a node is deployed': {
        const { process } = node;
        const end = (): void => {
          if (node.process === process) this.#kill(number, false, 500);
        };
        node.drain(end);
        // As a supervisor does.
        return this.#later(GRACE_MS, end);
      }
      case 'a store is killed':
        store.kill();
        return void scheduler.after(undefined, ms / 4, () => store.start());
      case 'a store stands still':
        return this.#stop(store.process, ms / 2);
      case 'stores are slow':
        sockets.slowness = 1 + share * 300;
        return this.#later(ms, () => {
          sockets.slowness = 1;
        });
      case 'a node hears late of events':
        node.lateness.ms = share * 8000;
        return this.#later(ms, () => {
          node.lateness.ms = LATE_MS;
        });
      case 'the log moves to another machine': {
        const [first] = stores;
        first?.kill();
        this.#epochs += 1;
        const epoch = `e${this.#epochs}`;
        return void scheduler.after(undefined, ms / 8, () => first?.start(epoch));
      }
      case 'the clock of a node jumps':
        return jump(node.machine, share, random);
      case 'the clock of a store jumps':
        return jump(store.machine, share, random);
      case 'old events are removed':
        return this.#trim(Math.min(1, 2 * share));
      case 'events are removed before a node hears of them': {
        node.lateness.ms = 2000 + share * 6000;
        // Some come back for what they have missed meanwhile, and others have got it elsewhere.
        const away = this.#some(0.3).map((listener) => listener.stop());
        scheduler.after(undefined, 1000 + share * 4000, () => {
          this.#trim(1);
          for (const start of away) start();
          this.#move(0.5);
        });
        return this.#later(10_000, () => {
          node.lateness.ms = LATE_MS;
        });
      }
      case 'listeners read slowly':
        for (const listener of this.#some(share / 2)) {
          listener.slownessMs = random.between(50, 4000);
          this.#slow.add(listener);
          // Slow programs are often started again.
          const isStartedAgain = random.chance(0.5);
          this.#later(ms, () => {
            if (isStartedAgain) listener.stop()();
            this.#hurry(listener);
          });
        }
        return;
      case 'a region is slow':
        network.slowness[region] = 1 + share * 100;
        return this.#later(ms, () => {
          network.slowness[region] = 1;
        });
      case 'listeners move':
        return this.#move(share);
      case 'listeners are started again':
        for (const listener of this.#some(share / 2)) listener.stop()();
        return;
      case 'listeners are away':
        for (const listener of this.#some(share / 2)) {
          const start = listener.stop();
          this.#victims.scheduler.after(undefined, ms, start);
        }
        return;
      case 'listeners are kicked':
        return node.kick(share);
      case 'many events come at once':
        return publishers.burst(Math.ceil(share * 200));
      case 'nobody publishes':
        publishers.pause(ms);
        return;
      case 'all listeners come back at once':
        for (const index of nodes.keys()) network.cut(index, 1);
        for (const listener of listeners) listener.move();
    }
  }

  #move(share: number): void {
    for (const listener of this.#some(share)) listener.move();
  }

  #trim(share: number): void {
    const { stores, truth } = this.#victims;
    const [first] = stores;
    if (first?.log && first.isListening) truth.trim(first.log, share);
  }

  /** A share of the listeners, but not too many of a large crowd. */
  #some(share: number): Listener[] {
    const { listeners, random } = this.#victims;
    const chance = Math.min(share, MANY / listeners.length);
    return listeners.filter(() => random.chance(chance));
  }

  #hurry(listener: Listener): void {
    if (this.#slow.delete(listener)) listener.slownessMs = 0;
  }

  #stop(process: Process, ms: number): void {
    const until = Math.min(this.#victims.scheduler.now + ms, this.#endMs);
    process.stoppedUntil = Math.max(process.stoppedUntil, until);
  }

  #kill(number: number, isSilent: boolean, ms: number): void {
    const { network, sockets, nodes } = this.#victims;
    const node = of(nodes, number);
    const { process } = node;
    if (!process.isAlive) return;
    node.kill();
    network.die(number, isSilent);
    sockets.die(process);
    this.#victims.scheduler.after(undefined, ms, () => node.start());
  }

  #later(ms: number, run: () => void): void {
    this.#victims.scheduler.after(undefined, ms, () => {
      if (!this.#isOver) run();
    });
  }

  /** Everything works again from now on. */
  #mend(): void {
    const { network, sockets, nodes, stores } = this.#victims;
    this.#isOver = true;
    network.unblockAll();
    sockets.unblockAll();
    for (const each of [...stores, ...nodes]) if (!each.process.isAlive) each.start();
    for (const { lateness } of nodes) lateness.ms = LATE_MS;
    for (const listener of this.#slow) this.#hurry(listener);
  }
}

function of<T>(list: readonly T[], which: number): T {
  const found = list[which % list.length];
  if (found === undefined) throw new Error('There is nobody to do a fault to');
  return found;
}

/** The time of day jumps by up to an hour, ahead or back, or is right again. */
function jump(machine: Machine, share: number, random: Random): void {
  machine.skewMs = machine.skewMs === 0 ? Math.round((share - 0.5) * random.between(0, 7_200_000)) : 0;
}
