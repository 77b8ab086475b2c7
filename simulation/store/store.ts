import { type EventLog, MemoryLog } from '@tidings/server/log';
import { LogHost, RemoteLog } from '@tidings/server/log/remote';
import type { SimulatedSocket } from '../network/socket.ts';
import { type Machine, SimulatedClock } from '../scheduler/clock.ts';
import { Process } from '../scheduler/process.ts';
import type { Surroundings } from '../scheduler/surroundings.ts';
import type { SocketServer, Sockets } from './sockets.ts';

/** How long it takes to try again to reach the store above, in milliseconds. */
const AGAIN_MS = 500;

/**
 * A process that serves the log to others. The first one has it: what is on its disk is a `MemoryLog`, which outlives the process as a record. The others pass on what
 * the first one has, and may be behind it.
 */
export class Store implements SocketServer {
  readonly name: string;
  process: Process;
  isListening = false;
  readonly machine: Machine = { skewMs: 0 };
  readonly #surroundings: Surroundings;
  readonly #sockets: Sockets;
  /** The path of the store from which this one has the log; undefined for the first. */
  readonly #above: string | undefined;
  readonly #onLog: (log: MemoryLog) => void;
  /** The log itself, of the first store. */
  log: MemoryLog | undefined;
  #host: LogHost | undefined;
  #isStarted = false;

  /** @param onLog is called with the log, each time that its process begins */
  constructor(
    surroundings: Surroundings,
    sockets: Sockets,
    number: number,
    onLog: (log: MemoryLog) => void = () => {},
  ) {
    this.#surroundings = surroundings;
    this.#sockets = sockets;
    this.name = Store.path(number);
    this.#above = number === 0 ? undefined : Store.path(0);
    this.#onLog = onLog;
    this.process = new Process(this.name);
    sockets.listen(this.name, this);
  }

  static path(number: number): string {
    return `store-${number}`;
  }

  /** Begins, or begins again after its process has died. @param epoch a new numbering begins */
  start(epoch?: string): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const process = new Process(this.name);
    this.process = process;
    this.#surroundings.scheduler.after(process, 0, () => void this.#begin(process, epoch));
  }

  /** Its process is killed. What was committed stays. */
  kill(): void {
    this.#isStarted = false;
    this.isListening = false;
    this.process.isAlive = false;
    this.#sockets.die(this.process);
  }

  serve(socket: SimulatedSocket): void {
    this.#host?.serve(socket);
  }

  async #begin(process: Process, epoch: string | undefined): Promise<void> {
    const { scheduler, random } = this.#surroundings;
    const clock = new SimulatedClock(scheduler, random, process, this.machine);
    const log = await this.#open(clock, epoch);
    if (!log) return void clock.setTimeout(() => void this.#begin(process, epoch), AGAIN_MS);
    this.#host = new LogHost(log, { clock, maxUnreadBytes: 128 * 1024 });
    this.isListening = true;
  }

  async #open(clock: SimulatedClock, epoch: string | undefined): Promise<EventLog | undefined> {
    if (this.#above !== undefined) {
      return await RemoteLog.open({ path: this.#above, clock }).catch(() => undefined);
    }
    const record = this.log?.record();
    const log = new MemoryLog({
      clock,
      ...(record ? { record: epoch === undefined ? record : renumbered(record, epoch) } : { epoch: 'e0' }),
    });
    this.log = log;
    this.#onLog(log);
    return log;
  }
}

type LogRecord = ReturnType<MemoryLog['record']>;

/** The log as it is after it was copied to another machine: the numbering goes on under another name. */
function renumbered(record: LogRecord, epoch: string): LogRecord {
  const before = { epoch: record.epoch, through: record.seq };
  return { ...record, epoch, earlierEpochs: [...record.earlierEpochs, before] };
}
