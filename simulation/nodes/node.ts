import { Hub, type HubOptions, type HubRequest } from '@tidings/hub';
import type { Answer } from '@tidings/server/live';
import { RemoteLog } from '@tidings/server/log/remote';
import { Link } from '../network/link.ts';
import type { Endpoint } from '../network/network.ts';
import { type Machine, SimulatedClock } from '../scheduler/clock.ts';
import { Process } from '../scheduler/process.ts';
import type { Surroundings } from '../scheduler/surroundings.ts';
import { LateLog, type Lateness } from './late-log.ts';

export const KEEP_ALIVE_MS = 15_000;

/** Small, so that a listener which reads slowly is soon caught up from the log. */
const MAX_BACKLOG_BYTES = 4 * 1024;

/** How long a supervisor waits before it starts a program again that could not begin, in milliseconds. */
const AGAIN_MS = 500;

/** The value of `Authorization` of listeners whose rights have to be renewed, and how long they last, in milliseconds. */
export const SHORT_RIGHTS = 'short';
const RIGHTS_MS = 20_000;

/** How long it may take to find out what rights are, in milliseconds. */
const MAX_ASKING_MS = 1500;

/** How late a node hears of events that follows over a connection of its own, in milliseconds. */
export const LATE_MS = 5;

/** A node: a hub on the log of a store, in a process that may be killed and started again. */
export class SimulatedNode implements Endpoint {
  readonly name: string;
  process: Process;
  isListening = false;
  readonly machine: Machine = { skewMs: 0 };
  readonly lateness: Lateness = { ms: LATE_MS };
  readonly #isLate: boolean;
  readonly #surroundings: Surroundings;
  readonly #storePath: string;
  #hub: Hub | undefined;
  #isStarted = false;

  /** @param isLate whether it follows the log over a connection of its own */
  constructor(surroundings: Surroundings, number: number, storePath: string, isLate: boolean) {
    this.#isLate = isLate;
    this.#surroundings = surroundings;
    this.#storePath = storePath;
    this.name = `node-${number}`;
    this.process = new Process(this.name);
  }

  /** Begins, or begins again after its process has died. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const process = new Process(this.name);
    this.process = process;
    this.#surroundings.scheduler.after(process, 0, () => void this.#begin(process));
  }

  /** Its process is killed. */
  kill(): void {
    this.#isStarted = false;
    this.isListening = false;
    this.process.isAlive = false;
    this.#hub = undefined;
  }

  /** Shuts down as on SIGTERM. Calls back when its process has ended. */
  drain(onEnd: () => void): void {
    const hub = this.#hub;
    if (!hub) return;
    const { scheduler, crash } = this.#surroundings;
    const { process } = this;
    scheduler.after(process, 0, () => {
      hub.close({ awayMs: 2000, windowMs: 2000, finishMs: 3000 }).then(
        () => scheduler.after(undefined, 0, onEnd),
        (error: unknown) => crash(`${this.name} could not be closed`, error),
      );
    });
  }

  /** Breaks off a share of its listeners, so that their rights are decided anew. */
  kick(share: number): void {
    const hub = this.#hub;
    const { scheduler, random } = this.#surroundings;
    scheduler.after(this.process, 0, () => void hub?.kick(() => random.chance(share)));
  }

  async handle(request: HubRequest): Promise<Answer> {
    return this.#hub ? await this.#hub.handle(request) : { status: 503, headers: {} };
  }

  async #begin(process: Process): Promise<void> {
    const { scheduler, random, crash } = this.#surroundings;
    const clock = new SimulatedClock(scheduler, random, process, this.machine);
    const log = await RemoteLog.open({ path: this.#storePath, clock }).catch(() => undefined);
    if (!log) return void clock.setTimeout(() => void this.#begin(process), AGAIN_MS);
    this.#hub = new Hub({
      log: this.#isLate ? new LateLog(log, new Link(scheduler, process), this.lateness) : log,
      clock,
      keepAliveMs: KEEP_ALIVE_MS,
      maxBacklogBytes: MAX_BACKLOG_BYTES,
      publicUrl: 'http://hub.example/',
      limits: { maxListeners: 10_000_000 },
      logger: loggerFor((error) => crash(this.name, error)),
      authenticate: async (request) => {
        if (request.header('authorization') !== SHORT_RIGHTS) return { allow: true, publish: 'all' };
        // It asks somebody else.
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, random.between(5, MAX_ASKING_MS)));
        return { allow: true, expiresAt: clock.time() + RIGHTS_MS };
      },
    });
    this.isListening = true;
  }
}

/** What a hub that works reports as errors: its store is away. Anything else is a fault of the hub. */
function loggerFor(onFault: (error: unknown) => void): NonNullable<HubOptions['logger']> {
  const error = ({ err }: { readonly err?: unknown }): void => {
    if (isExpected(err)) return;
    onFault(err);
  };
  const logger = { error, warn: () => {}, debug: () => {}, isLevelEnabled: () => false };
  return logger as unknown as NonNullable<HubOptions['logger']>;
}

function isExpected(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError) return false;
  const { code } = error as { readonly code?: unknown };
  return code === 'ERR_STORE_AWAY' || code === 'ERR_CLOSED' || code === undefined;
}
