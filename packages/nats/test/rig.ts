import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { NatsLog, type NatsLogOptions } from '@tidings/nats';
import { EARLIEST, type EventLog, type LogEntry, type NewEvent, type Selection } from '@tidings/server/log';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { NatsServer } from './nats-server.ts';

const EVERYTHING: Selection = { topics: 'all', private: 'all' };

let made = 0;

/** A name that no other log of the file has. */
export function newName(): string {
  made += 1;
  return `log${made}`;
}

export async function openLog(options: NatsLogOptions): Promise<NatsLog> {
  const log = await NatsLog.open(options);
  onTestFinished(() => log.close());
  return log;
}

export async function manage(url: string): Promise<JetStreamManager> {
  const connection = await connect({ servers: url.split(',') });
  onTestFinished(() => connection.close());
  return await jetstreamManager(connection);
}

export const event = (topic: string, data = topic): NewEvent => ({ topics: [topic], fields: { data } });

export function dataOf({ frame }: LogEntry): string {
  return /^data: ?(.*)$/m.exec(Buffer.from(frame).toString())?.[1] ?? '';
}

/** What is kept, and how far it has been trimmed. */
export async function contents(
  log: EventLog,
  selection = EVERYTHING,
  start = 0,
): Promise<{ entries: LogEntry[]; trimmed: number }> {
  const { head } = await log.locate(EARLIEST);
  const entries: LogEntry[] = [];
  let trimmed = 0;
  for (let after = start; ;) {
    const page = await log.read({ selection, after, through: Math.max(head, after), maxBytes: 1024 * 1024 });
    entries.push(...page.entries);
    trimmed = page.trimmedThrough;
    if (page.through >= head) return { entries, trimmed };
    after = page.through;
  }
}

/** Follows a log as a fan-out does: what lies before each start is read. */
export class Follower {
  readonly got: LogEntry[] = [];
  /** What happened: `start`, `lost`, `gap 7` and the epochs. */
  readonly steps: string[] = [];
  readonly #log: EventLog;
  readonly #waiting = new Set<() => void>();
  #reached: number | undefined;
  #work: Promise<void> = Promise.resolve();
  readonly #following: { stop(): void };

  constructor(log: EventLog, reached?: number) {
    this.#log = log;
    this.#reached = reached;
    this.#following = log.follow({
      onStart: ({ epoch, seq }) => {
        this.#step(`start ${epoch}`);
        this.#work = this.#work.then(() => this.#read(seq));
      },
      onBatch: (batch) => {
        this.#work = this.#work.then(() => this.#take(batch, batch.at(-1)?.seq ?? 0));
      },
      onLost: () => this.#step('lost'),
    });
    onTestFinished(() => this.#following.stop());
  }

  get reached(): number {
    return this.#reached ?? 0;
  }

  stop(): void {
    this.#following.stop();
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  async #read(through: number): Promise<void> {
    this.#reached ??= through;
    while (this.#reached < through) {
      const after = this.#reached;
      const page = await this.#log.read({ selection: EVERYTHING, after, through, maxBytes: 64 * 1024 });
      if (page.trimmedThrough > after) this.#step(`gap ${page.trimmedThrough}`);
      this.#take(page.entries, page.through);
    }
  }

  #take(entries: readonly LogEntry[], through: number): void {
    this.got.push(...entries.filter(({ seq }) => seq > this.reached));
    this.#reached = Math.max(this.reached, through);
    this.#step();
  }

  #step(what?: string): void {
    if (what !== undefined) this.steps.push(what);
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** A server for all tests of a file, or of a group, with a connection of their own. */
export function serverOfFile(isMissing: boolean): { readonly server: NatsServer; readonly connection: NatsConnection } {
  const found: { server?: NatsServer; connection?: NatsConnection } = {};
  beforeAll(async () => {
    if (isMissing) return;
    found.server = await NatsServer.start();
    found.connection = await connect({ servers: found.server.url });
  });
  afterAll(async () => {
    await found.connection?.close();
    await found.server?.end();
  });
  return {
    get server() {
      return found.server!;
    },
    get connection() {
      return found.connection!;
    },
  };
}
