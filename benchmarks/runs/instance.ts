import { setTimeout as wait } from 'node:timers/promises';
import { Child } from '../parts/child.ts';

/** What a reader has got so far. */
export interface Got {
  readonly tokens: readonly string[];
  /** How it has ended, once it has. */
  readonly ended?: string;
}

/** An instance of an application, in a process of its own (program.ts). */
export class Instance {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** @param system one of those in program.ts */
  static async start(system: string, place: string): Promise<Instance> {
    const child = Child.node(new URL('program.ts', import.meta.url), [system, place]);
    await child.ask('ready');
    return new Instance(child);
  }

  get pid(): number {
    return this.#child.pid;
  }

  ask(line: string): Promise<string> {
    return this.#child.ask(line);
  }

  tell(line: string): void {
    this.#child.tell(line);
  }

  async got(reader: string): Promise<Got> {
    return JSON.parse(await this.#child.ask(`got ${reader}`)) as Got;
  }

  /** Waits until a reader has got so many tokens, or has ended, for at most so long. Resolves to what it has got. */
  async until(reader: string, count: number, ms: number): Promise<Got> {
    const end = performance.now() + ms;
    for (;;) {
      const got = await this.got(reader);
      if (got.tokens.length >= count || got.ended !== undefined || performance.now() > end) return got;
      await wait(20);
    }
  }

  kill(): void {
    this.#child.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}
