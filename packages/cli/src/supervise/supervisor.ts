import { type ChildProcess, spawn } from 'node:child_process';
import { type Address, type GivenSocket } from '../sockets/binding.ts';
import { holdSocket } from '../sockets/held.ts';
import { onInterrupt } from '../terminal/interrupt.ts';
import { notice, outliveOutput } from '../terminal/output.ts';
import { hasTerminal } from '../terminal/terminal.ts';
import { type HubMessage, type OpenMessage, SUPERVISED } from './messages.ts';
import { NO_HUBS, stepSupervision, type SupervisionAction, type SupervisionInput } from './supervision.ts';

/**
 * Holds the sockets of a hub and runs the hub in a process of its own. It starts the next one on SIGHUP, or when one ends by itself. Connections
 * that come between two hubs wait in the queue of the system. Resolves after SIGINT or SIGTERM.
 *
 * @param places an address to bind, or the sockets that this process was started with
 * @returns the exit code
 * @throws {CliError} `ERR_ADDRESS`
 */
export async function supervise(places: Address | readonly GivenSocket[]): Promise<number> {
  const sockets = 'host' in places ? [{ fd: (await holdSocket(places)).fd, name: 'of the supervisor' }] : places;
  return await new Promise((resolve) => {
    const supervisor = new Supervisor(sockets, resolve);
    supervisor.take({ type: 'start' });
  });
}

class Supervisor {
  readonly #sockets: readonly GivenSocket[];
  readonly #end: (code: number) => void;
  readonly #hubs = new Map<number, ChildProcess>();
  readonly #hadTerminal = hasTerminal();
  #supervision = NO_HUBS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(sockets: readonly GivenSocket[], end: (code: number) => void) {
    this.#sockets = sockets;
    this.#end = end;
    process.on('SIGHUP', this.#hangUp);
    outliveOutput();
    onInterrupt(
      () => this.take({ type: 'stop' }),
      () => {
        for (const hub of this.#hubs.values()) hub.kill('SIGTERM');
      },
    );
  }

  take(input: SupervisionInput): void {
    const { supervision, actions } = stepSupervision(this.#supervision, input);
    this.#supervision = supervision;
    for (const action of actions) this.#perform(action);
  }

  /** Somebody asks for the next hub, or the terminal that this was started on has been closed. */
  readonly #hangUp = (): void => {
    this.take({ type: this.#hadTerminal && !hasTerminal() ? 'stop' : 'restart' });
  };

  #perform(action: SupervisionAction): void {
    switch (action.type) {
      case 'spawn':
        clearTimeout(this.#timer);
        this.#spawn(action.id);
        break;
      case 'open':
        this.#send(action.id, {
          type: 'open',
          sockets: this.#sockets.map(({ name }) => name),
          isFirst: action.isFirst,
        });
        break;
      case 'terminate':
        this.#hubs.get(action.id)?.kill('SIGTERM');
        break;
      case 'wait':
        this.#timer = setTimeout(() => this.take({ type: 'due' }), action.ms);
        break;
      case 'tell':
        notice(action.text);
        break;
      case 'tellPid':
        notice(`kill -HUP ${process.pid} restarts the hub`);
        break;
      case 'end':
        clearTimeout(this.#timer);
        process.off('SIGHUP', this.#hangUp);
        this.#end(action.code);
        break;
    }
  }

  #spawn(id: number): void {
    const [, program = '', ...args] = process.argv;
    const { LISTEN_PID: _pid, LISTEN_FDS: _fds, LISTEN_FDNAMES: _names, ...env } = process.env;
    // If the path has a symbolic link, this starts the program to which the link leads now.
    const hub = spawn(process.execPath, [...process.execArgv, program, ...args], {
      env: { ...env, [SUPERVISED]: '1' },
      // Not the output of this process itself: where two processes have one pipe, writing to it blocks both after the first of them has ended.
      stdio: ['ignore', 'pipe', 'pipe', ...this.#sockets.map(({ fd }) => fd), 'ipc'],
      // Ctrl-C at a terminal goes to every process of a group, and a second signal ends a hub at once.
      detached: true,
    });
    this.#hubs.set(id, hub);
    hub.stdout?.pipe(process.stdout, { end: false });
    hub.stderr?.pipe(process.stderr, { end: false });
    hub.on('message', (message: HubMessage) => {
      const { type } = message;
      if (type === 'serving') this.take({ type, id, now: performance.now() });
      else this.take({ type, id });
    });
    let isGone = false;
    const exited = (code: number | null): void => {
      if (isGone) return;
      isGone = true;
      this.#hubs.delete(id);
      this.take({ type: 'exited', id, code, now: performance.now() });
    };
    hub.once('error', (error) => {
      notice(`tidings: cannot start a hub: ${error.message}`);
      // If it could not be started, there is no `exit` event.
      if (hub.pid === undefined) exited(1);
    });
    hub.once('exit', exited);
  }

  #send(id: number, message: OpenMessage): void {
    // If the hub has ended meanwhile, its `exit` event says so.
    this.#hubs.get(id)?.send(message, () => {});
  }
}
