import { FanOut, findStart, type FanOutOptions, type StartRequest, type View } from '@tidings/server/live';
import { MemoryLog, type EventLog, type LogRetention } from '@tidings/server/log';
import { FakeClock } from './fake-clock.ts';
import { FakeSink } from './model/fake-sink.ts';

export const VIEW: View = { key: 'a', selection: { topics: ['a'] } };
export const FROM_NOW = 'event: tidings-heartbeat\nid: e.0\ndata:\n\n';

export interface RigOptions extends FanOutOptions {
  readonly retention?: LogRetention;
  readonly wrap?: (log: MemoryLog) => EventLog;
}

/** A fan-out whose ticks and clock the test moves. */
export class Rig {
  readonly log: MemoryLog;
  readonly fanOut: FanOut;
  readonly clock = new FakeClock();
  readonly #scheduled: (() => void)[] = [];

  constructor(options: RigOptions = {}) {
    const { retention = {}, wrap = (log) => log, ...fanOut } = options;
    const { clock } = this;
    this.log = new MemoryLog({ retention, clock, epoch: 'e' });
    this.fanOut = new FanOut(wrap(this.log), {
      maxBacklogBytes: 200,
      keepAliveMs: 1000,
      clock,
      schedule: (run) => this.#scheduled.push(run),
      ...fanOut,
    });
  }

  get scheduled(): number {
    return this.#scheduled.length;
  }

  /** What is to be run at the end of the tick. */
  due(): (() => void)[] {
    return this.#scheduled.splice(0);
  }

  async publish(topic: string, ...data: string[]): Promise<void> {
    for (const text of data) await this.log.append([{ topics: [topic], fields: { data: text } }]);
  }

  async listen(request: StartRequest = {}, view: View = VIEW, highWaterMark = 100): Promise<FakeSink> {
    const sink = new FakeSink(highWaterMark);
    this.fanOut.listen(sink, view, await findStart(this.log, view.selection, request));
    return sink;
  }

  /** Runs ticks until there is nothing more to do. */
  async settle(): Promise<void> {
    while (this.#scheduled.length > 0) await this.tick();
  }

  async tick(): Promise<void> {
    for (const run of this.due()) run();
    await settled();
  }
}

export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

export const frame = (seq: number, data: string): string => `id: e.${seq}\ndata: ${data}\n\n`;
