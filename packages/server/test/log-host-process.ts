// A process that hosts logs in memory for tests of `RemoteLog`, each on a Unix socket of its own. It is told over IPC what to do, and answers each message with its number.
import { LogHost } from '@tidings/server/log/remote';
import { EARLIEST, type LogRetention, MemoryLog } from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';

/** What a test asks of the process. */
export type HostCommand =
  | { readonly do: 'open'; readonly path: string; readonly retention: LogRetention; readonly time: number }
  | { readonly do: 'advance'; readonly path: string; readonly ms: number }
  | { readonly do: 'begin epoch' | 'cut' | 'close' | 'connections'; readonly path: string };

/** A log and its host, which can be lost and begun anew. */
class Hosted {
  readonly #path: string;
  readonly #retention: LogRetention;
  readonly #clock: ManualClock;
  #epochs: { readonly epoch: string; readonly through: number }[] = [];
  #log: MemoryLog;
  #host: LogHost;

  constructor(path: string, retention: LogRetention, time: number) {
    this.#path = path;
    this.#retention = retention;
    this.#clock = new ManualClock(time);
    this.#log = this.#make();
    this.#host = new LogHost(this.#log);
  }

  get #epoch(): string {
    return `hosted${this.#epochs.length}`;
  }

  get connections(): number {
    return this.#host.connections;
  }

  #make(): MemoryLog {
    return new MemoryLog({
      retention: this.#retention,
      clock: this.#clock,
      epoch: this.#epoch,
      earlierEpochs: this.#epochs,
    });
  }

  listen(): Promise<void> {
    return this.#host.listen(this.#path);
  }

  advance(ms: number): void {
    this.#clock.advance(ms);
  }

  async cut(): Promise<void> {
    this.#host.close();
    this.#host = new LogHost(this.#log);
    await this.listen();
  }

  async beginEpoch(): Promise<string> {
    const { head } = await this.#log.locate(EARLIEST);
    this.#epochs = [...this.#epochs, { epoch: this.#epoch, through: head }];
    await this.#log.close();
    this.#log = this.#make();
    await this.cut();
    return this.#epoch;
  }

  async close(): Promise<void> {
    this.#host.close();
    await this.#log.close();
  }
}

const hosts = new Map<string, Hosted>();

async function run(command: HostCommand): Promise<unknown> {
  if (command.do === 'open') {
    const hosted = new Hosted(command.path, command.retention, command.time);
    hosts.set(command.path, hosted);
    return await hosted.listen();
  }
  const hosted = hosts.get(command.path);
  switch (command.do) {
    case 'advance':
      return hosted?.advance(command.ms);
    case 'begin epoch':
      return await hosted?.beginEpoch();
    case 'cut':
      return await hosted?.cut();
    case 'connections':
      return hosted?.connections;
    case 'close':
      hosts.delete(command.path);
      return await hosted?.close();
  }
}

process.on('message', ({ number, command }: { number: number; command: HostCommand }) => {
  void run(command).then((value) => process.send?.({ number, value }));
});
process.on('disconnect', () => process.exit());
