import { SimulatedSocket } from '../network/socket.ts';
import type { Process } from '../scheduler/process.ts';
import type { Surroundings } from '../scheduler/surroundings.ts';

/** A process that takes connections on the path of a Unix socket. */
export interface SocketServer {
  readonly process: Process;
  readonly isListening: boolean;
  serve(socket: SimulatedSocket): void;
}

/** The sockets between nodes and stores, and between stores. */
export class Sockets {
  readonly #surroundings: Surroundings;
  readonly #servers = new Map<string, SocketServer>();
  readonly #open = new Set<SimulatedSocket>();
  /** The processes with which nothing is exchanged. */
  readonly #blocked = new Set<string>();
  /** How much longer than usual everything takes. */
  slowness = 1;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  listen(path: string, server: SocketServer): void {
    this.#servers.set(path, server);
  }

  /** Connects the process whose code runs, as `connect` of `node:net` does. */
  readonly connect = (path: string): SimulatedSocket => {
    const { scheduler } = this.#surroundings;
    const user = scheduler.current;
    const server = this.#servers.get(path);
    const delay = (): number => this.#surroundings.random.between(0.1, 2) * this.slowness;
    const [near, far] = SimulatedSocket.pair(scheduler, user, server?.process, delay);
    for (const end of [near, far]) {
      this.#open.add(end);
      end.on('close', () => this.#open.delete(end));
    }
    if (this.#isBlocked(near) || this.#isBlocked(far)) near.hold();
    scheduler.after(server?.process.isAlive === true ? server.process : undefined, delay(), () => {
      if (server?.isListening === true && server.process === far.process) return server.serve(far);
      this.#open.delete(far);
      near.refuse();
    });
    return near;
  };

  /** Holds back everything from and to a process, until {@link unblock}. */
  block(name: string): void {
    this.#blocked.add(name);
    for (const socket of this.#of(name)) socket.hold();
  }

  /** @param isBroken whether connections have broken meanwhile */
  unblock(name: string, isBroken: boolean): void {
    if (!this.#blocked.delete(name)) return;
    for (const socket of this.#of(name)) {
      if (isBroken) socket.break();
      socket.releaseAll();
    }
  }

  unblockAll(): void {
    for (const name of this.#blocked) this.unblock(name, false);
    this.slowness = 1;
  }

  /** Breaks the connections of a process. */
  cut(name: string): void {
    for (const socket of this.#of(name)) socket.break();
  }

  /** A process is dead. */
  die(process: Process): void {
    for (const socket of this.#open) {
      if (socket.process !== process) continue;
      this.#open.delete(socket);
      socket.die();
    }
  }

  #isBlocked({ process }: SimulatedSocket): boolean {
    return process !== undefined && this.#blocked.has(process.name);
  }

  #of(name: string): SimulatedSocket[] {
    return [...this.#open].filter(({ process }) => process?.name === name);
  }
}
