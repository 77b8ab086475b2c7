import { type ChildProcess, spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { GivenSocket } from '../sockets/binding.ts';
import { notice } from '../terminal/output.ts';
import { type CrewAction, type CrewInput, NOBODY, stepCrew } from './crew.ts';
import { Lines } from './lines.ts';
import { type StopOrder, WORKER_NUMBER, type WorkerMessage, type WorkerOrder } from './messages.ts';

export interface CrewOptions<Settings> {
  /** How many workers there are. */
  readonly workers: number;
  /** The sockets that all of them listen on. */
  readonly sockets: readonly GivenSocket[];
  /** What each of them serves with. It is sent as a structured clone. */
  readonly settings: Settings;
  /** Takes the other end of a worker's socket to the log. */
  readonly serveLog: (socket: Duplex) => void;
  /** All workers listen for the first time. */
  readonly onServing: (bound: readonly AddressInfo[]) => void;
  /** No worker needs the log any more. */
  readonly onReleased: () => void;
  /** The last worker has ended. */
  readonly onEnd: (code: number) => void;
}

/** Runs the workers of a hub, each in a process of its own, and replaces those that end by themselves. */
export class CrewProcesses<Settings> {
  readonly #options: CrewOptions<Settings>;
  readonly #processes = new Map<number, ChildProcess>();
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
  #bound: readonly AddressInfo[] = [];
  #crew = NOBODY;

  constructor(options: CrewOptions<Settings>) {
    this.#options = options;
    this.#take({ type: 'start', workers: options.workers });
  }

  /** Asks all workers to end. */
  stop(): void {
    this.#take({ type: 'stop' });
  }

  /** Ends all workers at once. */
  kill(): void {
    for (const each of this.#processes.values()) each.kill('SIGKILL');
  }

  #take(input: CrewInput): void {
    const { crew, actions } = stepCrew(this.#crew, input);
    this.#crew = crew;
    for (const action of actions) this.#perform(action);
  }

  #perform(action: CrewAction): void {
    switch (action.type) {
      case 'spawn':
        return this.#spawn(action.number);
      case 'terminate':
        return this.#terminate(action.number);
      case 'wait': {
        const { number, ms } = action;
        return void this.#timers.set(
          number,
          setTimeout(() => this.#take({ type: 'due', number }), ms),
        );
      }
      case 'tell':
        return notice(action.text);
      case 'serving':
        return this.#options.onServing(this.#bound);
      case 'released':
        for (const timer of this.#timers.values()) clearTimeout(timer);
        return this.#options.onReleased();
      case 'end':
        return this.#options.onEnd(action.code);
    }
  }

  #terminate(number: number): void {
    const order: StopOrder = { type: 'stop' };
    // If the worker has ended meanwhile, its `exit` event says so.
    this.#processes.get(number)?.send(order, () => {});
  }

  #spawn(number: number): void {
    const { sockets, serveLog } = this.#options;
    const [, program = ''] = process.argv;
    const { LISTEN_PID: _pid, LISTEN_FDS: _fds, LISTEN_FDNAMES: _names, ...env } = process.env;
    const worker = spawn(process.execPath, [...process.execArgv, program, 'serve'], {
      env: { ...env, [WORKER_NUMBER]: String(number) },
      stdio: ['ignore', 'ignore', 'pipe', ...sockets.map(({ fd }) => fd), 'pipe', 'ipc'],
      // Settings have numbers that JSON has not, such as Infinity.
      serialization: 'advanced',
      // Ctrl-C at a terminal goes to every process of a group, and a second signal ends a worker at once.
      detached: true,
    });
    this.#processes.set(number, worker);
    const lines = new Lines((text) => void process.stderr.write(text));
    worker.stderr?.on('data', (part: Buffer) => lines.take(part)).on('close', () => lines.end());
    worker.on('message', (message: WorkerMessage) => this.#receive(number, message));
    let isGone = false;
    const exited = (code: number | null, signal: string | null): void => {
      if (isGone) return;
      isGone = true;
      this.#processes.delete(number);
      this.#take({ type: 'exited', number, code, signal, now: performance.now() });
    };
    worker.once('error', (error) => {
      notice(`tidings: cannot start worker ${number}: ${error.message}`);
      // If it could not be started, there is no `exit` event.
      if (worker.pid === undefined) exited(1, null);
    });
    worker.once('exit', exited);
    const log = worker.stdio[3 + sockets.length];
    if (log) serveLog(log as Duplex);
    const order: WorkerOrder<Settings> = {
      type: 'serve',
      sockets: sockets.map(({ name }) => name),
      settings: this.#options.settings,
    };
    // If the worker has ended meanwhile, its `exit` event says so.
    worker.send(order, () => {});
  }

  #receive(number: number, message: WorkerMessage): void {
    if (message.type === 'released') return this.#take({ type: 'released', number });
    this.#bound = message.bound;
    this.#take({ type: 'serving', number, now: performance.now() });
  }
}
