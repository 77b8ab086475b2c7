import { counted, newEpoch, ServerError } from '@tidings/server/log';
import type { Following } from '../following/following.ts';
import type { Command, Message } from '../replica/command.ts';
import { partsOf } from '../replica/parts.ts';
import type { Done, Outcome } from '../replica/replica.ts';
import { isUnheard, refusalIn } from '../store/problem.ts';
import type { Store } from '../store/store.ts';

// What goes into one message at most, in bytes, unless a single command takes more. Others follow in the next one.
const MAX_MESSAGE_BYTES = 1024 * 1024;

// A larger command is refused: each node holds its text in memory while it carries it out.
const MAX_COMMAND_BYTES = 128 * 1024 * 1024;

// How long a message that was sent may go unanswered before those who wait for it are told, in milliseconds, if they wait no longer anyway.
const MIN_ANSWER_MS = 5000;
const RETRY_MS = 100;

// How often it is looked who waits no longer while a message is under way, in milliseconds.
const LOOK_MS = 200;

interface Waiting {
  readonly text: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: ServerError) => void;
  /** Until when it waits while the store is away, by the system's steady clock. */
  readonly until: number;
  /** Until when it waits for a store that is there and does not answer. As long as that stores anything, it waits on. */
  readonly answeredBy: number;
  isSettled: boolean;
}

/** A message that is being sent. */
interface Sent {
  readonly number: number;
  readonly group: readonly Waiting[];
  outcomes: readonly Outcome[] | undefined;
}

interface WriterParts {
  readonly store: Store;
  readonly following: Following;
  readonly waitMs: number;
  readonly maxWaitingBytes: number;
}

/**
 * Sends commands in the order of the calls. What waits while a message is under way goes into the next one. A message is sent again until it is stored; it is carried
 * out once, because the replicas know its number.
 */
export class Writer {
  /** The name of this node among those that write. */
  readonly #node = crypto.randomUUID();
  readonly #parts: WriterParts;
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #number = 0;
  /** When the store last stored something for this node. */
  #storedAt = 0;
  #sent: Sent | undefined;
  /** The run of the server with which this node has followed the log. */
  #server: string | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /**
   * Sends a command, and resolves to what came of it.
   * @throws {ServerError} (as a rejection) what refused it, `ERR_TOO_MUCH_WAITS`, `ERR_STORE_AWAY`, `ERR_NOT_STORED`, `ERR_CLOSED`
   */
  ask(command: Command): Promise<unknown> {
    const { waitMs, maxWaitingBytes, following } = this.#parts;
    if (this.#isClosed) return Promise.reject(closed());
    if (waitMs === 0 && !following.isLive) return Promise.reject(away('nothing of it was stored'));
    const text = textOf(command);
    if (text === undefined) {
      const message = `Cannot append a batch that takes more than ${MAX_COMMAND_BYTES} bytes in the stream`;
      return Promise.reject(new ServerError('ERR_BATCH_TOO_LARGE', message));
    }
    if (this.#bytes > 0 && this.#bytes + text.length > maxWaitingBytes) {
      const message = `Cannot append: ${counted(this.#bytes, 'byte')} wait to be stored; the limit is ${maxWaitingBytes}`;
      return Promise.reject(new ServerError('ERR_TOO_MUCH_WAITS', message));
    }
    this.#bytes += text.length;
    return new Promise((resolve, reject) => {
      const now = performance.now();
      this.#waiting.push({
        text,
        resolve,
        reject,
        until: now + waitMs,
        answeredBy: now + Math.max(waitMs, MIN_ANSWER_MS),
        isSettled: false,
      });
      this.#running ??= this.#run();
    });
  }

  /** A message of any node was carried out. */
  done({ node, number, outcomes }: Done): void {
    const { following, store } = this.#parts;
    if (following.isLive && following.replica.server === store.run) this.#server = store.run;
    if (node === this.#node && this.#sent?.number === number) this.#sent.outcomes = outcomes;
  }

  /** Begins an epoch. @param last it counts if nothing has been stored after a message of this number; always if it is undefined */
  async begin(command: Command & { readonly op: 'begin' | 'epoch' }, last: number | undefined): Promise<void> {
    const { store, following } = this.#parts;
    const { moment } = following;
    const text = JSON.stringify({ ...moment, commands: [{ ...command, server: store.run }] } satisfies Message);
    const about = { node: `begin ${command.epoch}`, number: 1, time: moment.time };
    for (const part of partsOf(about, text, store.maxPayload)) await store.publish(part, last);
  }

  /** Sends what waits, and refuses all that comes later. */
  async close(): Promise<void> {
    this.#isClosed = true;
    // Who waits for the store waits no longer.
    this.#parts.following.waiting.check();
    await this.#running;
  }

  async #run(): Promise<void> {
    // What is asked for in the same turn goes together.
    await Promise.resolve();
    const { following } = this.#parts;
    const looks = setInterval(() => this.#look(), LOOK_MS);
    while (this.#waiting.length > 0) {
      if (following.isLive) await this.#sendSome();
      else await this.#untilLive();
    }
    clearInterval(looks);
    this.#running = undefined;
  }

  /** Waits for the store, and refuses those who wait no longer. */
  async #untilLive(): Promise<void> {
    const { following } = this.#parts;
    const until = Math.min(...this.#waiting.map((waiting) => waiting.until));
    const isLive = await following.waiting.until(() => following.isLive || this.#isClosed, until - performance.now());
    if (isLive && following.isLive) return;
    this.#refuseLate((waiting) => (this.#isClosed ? 0 : waiting.until));
  }

  /** Tells those who wait no longer, while a message is under way. */
  #look(): void {
    const end = (waiting: Waiting): number => this.#endOf(waiting);
    this.#refuseLate(end);
    const now = performance.now();
    for (const one of this.#sent?.group ?? []) if (end(one) <= now) this.#settle(one, unknown());
  }

  #endOf({ answeredBy }: Waiting): number {
    return Math.max(answeredBy, this.#storedAt + MIN_ANSWER_MS);
  }

  /** Refuses those of whom nothing was sent and who wait no longer. */
  #refuseLate(end: (waiting: Waiting) => number): void {
    const now = performance.now();
    // They have come in this order, and wait equally long.
    while (this.#waiting[0] && end(this.#waiting[0]) <= now) {
      const [refused] = this.#waiting.splice(0, 1);
      if (refused) this.#settle(refused, { error: away('nothing of it was stored') });
    }
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { text } of this.#waiting) {
      bytes += text.length;
      if (count > 0 && bytes > MAX_MESSAGE_BYTES) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** Sends some of what waits, behind what has to be said first. */
  async #sendSome(): Promise<void> {
    const group = this.#take();
    const first = this.#arrival();
    const refusal = first && (await this.#sendFirst(first, group));
    if (!refusal) return await this.#send(group);
    const error = refusal.code === 'ERR_STORE_AWAY' ? away('nothing of it was stored') : refusal;
    for (const one of group) this.#settle(one, { error });
  }

  /**
   * What is to be stored before anything else, because the server was started since the log was written last: a node that has followed the log before knows that it is as it was. Else an
   * older state of its files may have been put back, or the last messages were lost with the power, and a new epoch begins. Undefined if there is nothing to be said.
   */
  #arrival(): Command | undefined {
    const { run } = this.#parts.store;
    const { replica, moment } = this.#parts.following;
    if (run === undefined || run === replica.server) return undefined;
    if (replica.server !== undefined && replica.server === this.#server) return { op: 'tick', server: run };
    return { op: 'epoch', epoch: newEpoch(moment.time), server: run };
  }

  /** Sends a command for which nobody else waits than the group that comes next. Gives what refused it. */
  async #sendFirst(command: Command, group: readonly Waiting[]): Promise<ServerError | undefined> {
    let refusal: ServerError | undefined;
    const text = JSON.stringify(command);
    const [until, answeredBy] = [group.at(-1)?.until ?? 0, group.at(-1)?.answeredBy ?? 0];
    const reject = (error: ServerError): void => {
      refusal = error;
    };
    this.#bytes += text.length;
    await this.#send([{ text, resolve: () => {}, reject, until, answeredBy, isSettled: false }]);
    return refusal;
  }

  async #send(group: readonly Waiting[]): Promise<void> {
    const { store, following } = this.#parts;
    this.#number += 1;
    const number = this.#number;
    const { time, now } = following.moment;
    const text = `{"time":${time},"now":${now},"commands":[${group.map((one) => one.text).join()}]}`;
    const sent: Sent = { number, group, outcomes: undefined };
    this.#sent = sent;
    // Who came last waits longest.
    const last = group.at(-1);
    const leftMs = (): number => (last ? this.#endOf(last) - performance.now() : 0);
    try {
      let isSent = false;
      for (const part of partsOf({ node: this.#node, number, time }, text, store.maxPayload)) {
        isSent = await this.#store(part, sent, leftMs);
        if (!isSent) break;
      }
      const isOver = (): boolean => sent.outcomes !== undefined || (this.#isClosed && !store.isConnected);
      await following.waiting.until(isOver, leftMs());
      for (const [index, one] of group.entries()) this.#settle(one, sent.outcomes?.[index] ?? unknown());
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const refused = new ServerError('ERR_NOT_STORED', `The store of the log refused it: ${message}`, {
        cause: error,
      });
      for (const one of group) this.#settle(one, { error: refused });
    } finally {
      this.#sent = undefined;
    }
  }

  /** Stores a part, again and again until it is stored or the time is over. Gives whether it is. Throws what refused it. */
  async #store(part: Uint8Array, sent: Sent, leftMs: () => number): Promise<boolean> {
    const { store, following } = this.#parts;
    while (!sent.outcomes) {
      const left = leftMs();
      if (left <= 0) return false;
      // While there is no connection the client would keep it, and send it later, when nobody waits for it any more.
      const mayGoOn = (): boolean => store.isConnected || sent.outcomes !== undefined || this.#isClosed;
      if (!(await following.waiting.until(mayGoOn, left)) || !(store.isConnected || sent.outcomes)) return false;
      if (sent.outcomes !== undefined) break;
      try {
        const seq = await store.publish(part);
        this.#storedAt = performance.now();
        await following.offer(seq, part);
        return true;
      } catch (error) {
        const refusal = refusalIn(error) ?? (isUnheard(error) ? await store.whyUnheard() : undefined);
        if (refusal !== undefined) throw new Error(refusal, { cause: error });
        await following.waiting.until(() => sent.outcomes !== undefined, RETRY_MS);
      }
    }
    return true;
  }

  #settle(waiting: Waiting, outcome: Outcome): void {
    if (waiting.isSettled) return;
    waiting.isSettled = true;
    this.#bytes -= waiting.text.length;
    if ('error' in outcome) waiting.reject(outcome.error);
    else waiting.resolve(outcome.value);
  }
}

/** The text of a command; undefined if it is too large. */
function textOf(command: Command): string | undefined {
  try {
    const text = JSON.stringify(command);
    return text.length > MAX_COMMAND_BYTES ? undefined : text;
  } catch (error) {
    // It is larger than a text may be.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function unknown(): Outcome {
  return { error: away('it is not known whether it was stored') };
}

export function away(what: string): ServerError {
  return new ServerError('ERR_STORE_AWAY', `The store of the log is out of reach: ${what}; try again soon`);
}

export function closed(): ServerError {
  return new ServerError('ERR_CLOSED', 'Cannot use the log: it has been closed');
}
