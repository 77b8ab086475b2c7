import { once } from 'node:events';
import * as net from 'node:net';
import { type Agenda, folderOf, type Scenario } from './scenario.ts';
import { parseRequest, type ReceivedRequest } from './scripted-server.ts';
import { head, type ServerScript } from './server-script.ts';

const PAGE = '<!doctype html><meta charset="utf-8"><title>Scenarios</title><script src="/agent.js"></script>';

/** How long a client may take to let go of its connections, in milliseconds. */
const LATE_MS = 1_500;

/** Allows a page what it asks permission for. This answers no request of a scenario. */
const PREFLIGHT = head(204, {
  'Access-Control-Allow-Origin': '{origin}',
  'Access-Control-Allow-Headers': 'last-event-id',
  'Access-Control-Allow-Credentials': 'true',
});

/** What was seen of one scenario. The requests' paths are those below its folder. */
interface Outcome {
  readonly log: readonly string[];
  readonly requests: readonly ReceivedRequest[];
  /** A connection was let go of only when another byte came. */
  readonly late: boolean;
}

/** One scenario being played: its folder on the server. */
class Folder {
  readonly path: string;
  readonly requests: ReceivedRequest[] = [];
  answered = 0;
  readonly sockets = new Set<net.Socket>();
  readonly outcome: Promise<Outcome>;
  #goes = 0;
  #late = false;
  #log: readonly string[] | undefined;
  readonly #waiting: (() => void)[] = [];

  constructor(index: number) {
    this.path = folderOf(index);
    this.outcome = this.until(() => this.#log !== undefined).then(() => ({
      log: this.#log ?? [],
      requests: this.requests,
      late: this.#late,
    }));
  }

  go(): void {
    this.#goes++;
    this.wake();
  }

  /** The first one counts. */
  tell(log: readonly string[]): void {
    this.#log ??= log;
    this.wake();
  }

  /** Settles when every client has gone. After `LATE_MS` those that have not get more bytes. */
  async gone(): Promise<void> {
    const from = performance.now();
    const nudge = setInterval(() => {
      if (performance.now() - from < LATE_MS) return;
      this.#late = true;
      for (const socket of this.sockets) socket.write(':\n');
    }, 100);
    await this.until(() => this.sockets.size === 0);
    clearInterval(nudge);
  }

  async released(turn: number): Promise<void> {
    await this.until(() => this.#goes >= turn);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((wake) => this.#waiting.push(wake));
  }

  wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Serves scenarios to one agent, each in a folder of its own, on raw sockets that can misbehave. */
export class ScenarioServer implements AsyncDisposable {
  readonly #servers: readonly net.Server[];
  readonly #sockets = new Set<net.Socket>();
  readonly #scenarios: readonly Scenario[];
  readonly #folders: ReadonlyMap<number, Folder>;
  readonly #agenda: Omit<Agenda, 'other' | 'nowhere'>;
  readonly #agent: string;
  #nowhere = '';

  private constructor(scenarios: readonly Scenario[], agenda: Omit<Agenda, 'other' | 'nowhere'>, agent: string) {
    this.#scenarios = scenarios;
    this.#agenda = agenda;
    this.#agent = agent;
    this.#folders = new Map(agenda.scenarios.map((index) => [index, new Folder(index)]));
    this.#servers = [0, 1].map(() => net.createServer((socket) => this.#serve(socket)));
  }

  /** `agent` is the script that a page runs, for browsers. */
  static async listen(
    scenarios: readonly Scenario[],
    agenda: Omit<Agenda, 'other' | 'nowhere'>,
    agent = '',
  ): Promise<ScenarioServer> {
    const server = new ScenarioServer(scenarios, agenda, agent);
    const refusing = net.createServer();
    for (const each of [...server.#servers, refusing]) await once(each.listen(0, '127.0.0.1'), 'listening');
    server.#nowhere = originOf(refusing);
    refusing.close();
    await once(refusing, 'close');
    return server;
  }

  get origin(): string {
    return originOf(this.#servers[0]!);
  }

  outcome(index: number): Promise<Outcome> {
    return this.#folders.get(index)!.outcome;
  }

  /** Puts an end to what has not been played. */
  giveUp(reason: string): void {
    for (const folder of this.#folders.values()) folder.tell([`not played: ${reason}`]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) {
      server.close();
      await once(server, 'close');
    }
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {}); // a client that goes is what many scenarios are about
    let folder: Folder | undefined;
    const leave = (): void => {
      folder?.sockets.delete(socket);
      folder?.wake();
    };
    socket.on('close', () => {
      this.#sockets.delete(socket);
      leave();
    });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const request = parseRequest(text);
      if (request === undefined) return;
      text = '';
      leave();
      folder = undefined;
      const [, number = 'none', rest = ''] = /^\/s(\d+)(\/.*)$/.exec(request.path) ?? [];
      const found = this.#folders.get(Number(number));
      if (found === undefined) {
        this.#answer(socket, request.path);
      } else if (rest.startsWith('/control/')) {
        void this.#control(found, rest.slice('/control/'.length), request.body).then(() => send(socket, ''));
      } else {
        folder = found;
        folder.sockets.add(socket);
        folder.requests.push({ ...request, path: rest });
        if (request.method === 'OPTIONS') {
          socket.end(this.#fill(PREFLIGHT, folder));
        } else {
          void this.#play(socket, folder, this.#scenarios[Number(number)]!.server[folder.answered++]);
        }
        folder.wake();
      }
    });
  }

  #answer(socket: net.Socket, path: string): void {
    if (path === '/agenda') {
      const other = originOf(this.#servers[1]!);
      send(socket, JSON.stringify({ ...this.#agenda, other, nowhere: this.#nowhere } satisfies Agenda));
    } else if (path === '/agent.js') {
      send(socket, this.#agent, 'text/javascript; charset=utf-8');
    } else {
      send(socket, path.startsWith('/page') ? PAGE : '', 'text/html; charset=utf-8');
    }
  }

  async #control(folder: Folder, what: string, body: string): Promise<void> {
    const [verb = '', number] = what.split('/');
    switch (verb) {
      case 'go':
        folder.go();
        break;
      case 'received':
        await folder.until(() => folder.requests.length >= Number(number));
        break;
      case 'gone':
        await folder.gone();
        break;
      case 'outcome':
        folder.tell(JSON.parse(Buffer.from(body, 'latin1').toString('utf8')) as string[]);
        break;
    }
  }

  async #play(socket: net.Socket, folder: Folder, script: ServerScript = [{ do: 'reset' }]): Promise<void> {
    let waits = 0;
    for (const step of script) {
      if (typeof step === 'string') await write(socket, this.#fill(step, folder));
      else if (!('do' in step)) await write(socket, Uint8Array.from(step));
      else if (step.do === 'end') socket.end();
      else if (step.do === 'reset') socket.resetAndDestroy();
      else await folder.released(++waits);
    }
  }

  #fill(text: string, folder: Folder): string {
    return text
      .replaceAll('{origin}', this.origin)
      .replaceAll('{other}', originOf(this.#servers[1]!))
      .replaceAll('{path}', folder.path);
  }
}

function originOf(server: net.Server): string {
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

/** Settles when the bytes are with the system, so that the next ones go in a packet of their own. */
function write(socket: net.Socket, bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    socket.write(bytes, () => setImmediate(resolve));
  });
}

function send(socket: net.Socket, body: string, type = 'application/json'): void {
  const length = Buffer.byteLength(body);
  socket.end(
    `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
