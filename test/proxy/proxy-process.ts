import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { programPath } from '../../scripts/debian.mjs';
import { freePort, isListening } from '../../scripts/cluster/ports.ts';

// How often a port that was free is taken by somebody else before the proxy has it.
const MAX_STARTS = 5;

/** The ports on which a proxy listens on 127.0.0.1. */
export interface ProxyPorts {
  readonly plain: number;
  readonly tls: number;
}

export interface ProxyCommand {
  /** The name of a program of Debian's. */
  readonly program: string;
  readonly args: readonly string[];
  /** Variables of its environment beside those of the tests. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A proxy in a process of its own, which may have others, on ports that are its own as long as it lives. */
export class ProxyProcess {
  readonly ports: ProxyPorts;
  readonly #command: ProxyCommand;
  #child: ChildProcess | undefined;
  #said = '';

  private constructor(ports: ProxyPorts, command: ProxyCommand) {
    this.ports = ports;
    this.#command = command;
  }

  /** @param configure writes the configuration for these ports and returns the command */
  static async start(configure: (ports: ProxyPorts) => ProxyCommand): Promise<ProxyProcess> {
    for (let attempt = 1; ; attempt += 1) {
      const ports = { plain: await freePort(), tls: await freePort() };
      const proxy = new ProxyProcess(ports, configure(ports));
      if (await proxy.#run()) return proxy;
      await proxy.kill();
      if (attempt === MAX_STARTS || !/in use/i.test(proxy.#said)) throw proxy.#failure();
    }
  }

  /** Starts it again, on the same ports. */
  async restart(): Promise<void> {
    if (!(await this.#run())) throw this.#failure();
  }

  /** Kills it with SIGKILL and waits until it is gone. Its other processes are in its group; some would wait for their connections to end. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-child.pid, 'SIGKILL');
    await once(child, 'exit');
  }

  /** Whether it has come up. */
  async #run(): Promise<boolean> {
    const { program, args, env } = this.#command;
    const child = spawn(programPath(program), args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
      env: { ...process.env, ...env },
    });
    this.#child = child;
    this.#said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
    });
    const closed = once(child, 'close').then(() => 'closed' as const);
    for (const port of [this.ports.plain, this.ports.tls]) {
      for (;;) {
        const outcome = await Promise.race([closed, isListening(port)]);
        if (outcome === 'closed') return false;
        if (outcome) break;
        await delay(10);
      }
    }
    return true;
  }

  #failure(): Error {
    return new Error(`${this.#command.program} did not start: ${this.#said}`);
  }
}

/** Makes cert.pem and key.pem in a folder. Nobody knows who signed the certificate. */
export function certify(folder: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const args = ['req', '-x509', '-days', '2', ...key, ...subject, '-out', 'cert.pem'];
  execFileSync(programPath('openssl'), args, { cwd: folder, stdio: 'pipe' });
}
