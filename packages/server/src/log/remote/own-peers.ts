import type { NewEvent } from '../entry.ts';
import type { Hello, HostLink } from './host-link.ts';
import { plainEvents } from './plain-events.ts';
import { CountSender } from './peers/count-sender.ts';
import type { NamedCounts, Peers, PeersRecord } from './peers/peers.ts';
import type { Counted, RefusedChange } from './peers/shared-counts.ts';

// The process of the log takes no more of one process at the same time.
const MAX_QUESTIONS = 100;

/** The other processes, as one of them knows them: over its connection to the process of the log. */
export class OwnPeers implements Peers {
  #hello: Hello;
  /** Undefined while there is no connection. */
  #link: HostLink | undefined;
  readonly #counts = new CountSender(async (changes) => {
    const link = this.#link;
    return link ? ((await link.ask(link.prepare({ is: 'count', changes }))) as readonly RefusedChange[]) : [];
  });
  #open = 0;
  readonly #inLine: (() => void)[] = [];
  #answer: (question: unknown) => unknown = () => undefined;
  #take: (news: unknown) => void = () => {};
  #gone: (number: number | undefined) => void = () => {};

  constructor(hello: Hello) {
    this.#hello = hello;
  }

  get number(): number {
    return this.#hello.number;
  }

  get secret(): Uint8Array {
    return this.#hello.secret;
  }

  async ask(question: unknown): Promise<readonly unknown[]> {
    if (this.#open >= MAX_QUESTIONS) await new Promise<void>((resolve) => this.#inLine.push(resolve));
    else this.#open += 1;
    const link = this.#link;
    try {
      return link ? ((await link.ask(link.prepare({ is: 'peers', question }))) as readonly unknown[]) : [];
    } catch {
      return [];
    } finally {
      // Who is next in the line takes its place.
      const next = this.#inLine.shift();
      if (next) next();
      else this.#open -= 1;
    }
  }

  onAsk(answer: (question: unknown) => unknown): void {
    this.#answer = answer;
  }

  tell(news: unknown): void {
    this.#link?.send({ is: 'tell', news });
  }

  onTell(take: (news: unknown) => void): void {
    this.#take = take;
  }

  onGone(take: (number: number | undefined) => void): void {
    this.#gone = take;
  }

  take(counted: readonly Counted[]): Promise<number | undefined> {
    return this.#counts.take(counted);
  }

  add(names: readonly string[]): void {
    this.#counts.change(names, 1);
  }

  free(names: readonly string[]): void {
    this.#counts.change(names, -1);
  }

  keep(counts: NamedCounts): void {
    this.#link?.send({ is: 'keep', counts });
  }

  async record(): Promise<PeersRecord | undefined> {
    const link = this.#link;
    if (!link) return undefined;
    return (await link.ask(link.prepare({ is: 'record' })).catch(() => undefined)) as PeersRecord | undefined;
  }

  leave(name: string, events: readonly NewEvent[] | undefined): void {
    this.#link?.send({ is: 'will', name, ...(events === undefined ? {} : { events: plainEvents(events) }) });
  }

  /** Goes on over a connection. */
  use(link: HostLink, hello: Hello): void {
    const isAgain = this.#hello !== hello;
    this.#hello = hello;
    this.#link = link;
    if (!isAgain) return;
    this.#counts.restart();
    this.#gone(undefined);
  }

  /** The connection was lost. */
  cut(): void {
    this.#link = undefined;
  }

  async answer(question: unknown): Promise<unknown> {
    return await this.#answer(question);
  }

  told(news: unknown): void {
    this.#take(news);
  }

  isGone(number: number): void {
    this.#gone(number);
  }
}
