import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LogHarness, LogHarnessOptions } from '../log-probe.ts';
import type { FaultOptions } from './faults.ts';
import { RemoteLog } from './remote-log.ts';
import type { StoreCommand } from './store-process.ts';
import type { StoreOptions } from './store-server.ts';

/** The options of a store's faults and chance. */
export type RemoteLogOptions = Omit<StoreOptions, 'time' | 'seed'>;

/** The faults with which the suite is run. */
export const FAULTS: FaultOptions = { loss: 0.05, doubling: 0.1, delayMs: 2, holes: 0.3 };

/** A log in another process, controlled by a test. */
export interface RemoteHarness extends LogHarness {
  readonly log: RemoteLog;
  /** Opens another log on the same data, as another node would. */
  another(): RemoteLog;
  advance(ms: number): Promise<void>;
  beginEpoch(): Promise<RemoteLog>;
  cut(): Promise<void>;
  /** Holds back the batches for the followers of a log, so that they lag behind the store, or releases them. */
  hold(log: RemoteLog, isHeld: boolean): Promise<void>;
  /** Trims as another process would. */
  trim(through: number): Promise<void>;
}

/** A process that keeps logs for others. A seed repeats the same faults of its connections. */
export class RemoteStore {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #seed: number;
  #number = 0;

  /** @param seed an integer, from which each log that is opened has its own */
  constructor(seed: number) {
    this.#seed = seed;
    const script = fileURLToPath(new URL('store-process.js', import.meta.url));
    this.#child = fork(script, { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (message) => {
      const { number, value } = message as { number: number; value: unknown };
      this.#waiting.get(number)?.resolve(value);
      this.#waiting.delete(number);
    });
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('The process of the store has ended'));
    });
  }

  /** Opens an empty log. */
  async open({ clock, retention = {} }: LogHarnessOptions, options: RemoteLogOptions = {}): Promise<RemoteHarness> {
    this.#seed += 1;
    const settings = { retention, ...options, seed: this.#seed, time: clock.time() };
    const port = (await this.#do({ do: 'open', options: settings })) as number;
    const exact = options.exact ?? true;
    const logs: RemoteLog[] = [];
    const another = (): RemoteLog => {
      const log = new RemoteLog({ port, name: `${this.#seed}.${logs.length}`, trimmedIsExact: exact });
      logs.push(log);
      return log;
    };
    const log = another();
    return {
      log,
      another,
      advance: async (ms) => void (await this.#do({ do: 'advance', port, ms })),
      beginEpoch: async () => {
        const epoch = String(await this.#do({ do: 'begin epoch', port }));
        await Promise.all(logs.map((each) => followsIn(each, epoch)));
        return log;
      },
      cut: async () => void (await this.#do({ do: 'cut', port })),
      hold: async ({ name }, isHeld) => void (await this.#do({ do: 'hold', port, client: name, isHeld })),
      trim: async (through) => void (await this.#do({ do: 'trim', port, through })),
      dispose: async () => {
        await Promise.all(logs.map((each) => each.close()));
        await this.#do({ do: 'close', port });
      },
    };
  }

  /** Ends the process. */
  async close(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #do(command: StoreCommand): Promise<unknown> {
    this.#number += 1;
    const number = this.#number;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#child.send({ number, command });
    });
  }
}

/** Resolves when a log follows in an epoch. */
function followsIn(log: RemoteLog, epoch: string): Promise<void> {
  return new Promise((resolve) => {
    const following = log.follow({
      onStart(position) {
        if (position.epoch !== epoch) return;
        queueMicrotask(() => following.stop());
        resolve();
      },
      onBatch: () => {},
      onLost: () => {},
    });
  });
}
