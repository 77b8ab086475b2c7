import type { Client, Handler, Heard, Wishes } from './client.ts';
import { type Answer, type ReceivedRequest, ScriptedServer } from './scripted-server.ts';

/** How often a check looks whether something has happened, in milliseconds. */
const LOOK_MS = 10;

/** A client that listens to a server of its own, and their requests and events. */
export class Session implements Disposable {
  readonly server: ScriptedServer;
  readonly heard: Heard[] = [];
  readonly #end: () => void;

  private constructor(server: ScriptedServer, client: Client, handler: Handler, wishes: Wishes | undefined) {
    this.server = server;
    this.#end = client.listen(
      server.url,
      (event) => {
        this.heard.push(event);
        return handler(event);
      },
      wishes,
    );
  }

  static async start(
    client: Client,
    answers: readonly Answer[],
    { handler = () => {}, wishes }: { handler?: Handler; wishes?: Wishes } = {},
  ): Promise<Session> {
    return new Session(await ScriptedServer.listen(...answers), client, handler, wishes);
  }

  get requests(): readonly ReceivedRequest[] {
    return this.server.requests;
  }

  /** Ends the listening, not the server. */
  end(): void {
    this.#end();
  }

  /** Whether that many requests arrive in time. */
  async asks(count: number, ms = 5_000): Promise<boolean> {
    return until(() => this.requests.length >= count, ms);
  }

  /** Whether an event with this data arrives in time. */
  async hears(data: string, ms = 3_000): Promise<boolean> {
    return until(() => this.heard.some((event) => event.data === data), ms);
  }

  [Symbol.dispose](): void {
    this.#end();
    this.server.close();
  }
}

/** Whether something becomes true within this many milliseconds. */
export async function until(isTrue: () => boolean, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (!isTrue()) {
    if (performance.now() > deadline) return false;
    await pause(LOOK_MS);
  }
  return true;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
