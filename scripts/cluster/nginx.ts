import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { programPath } from '../debian.mjs';
import { root } from '../paths.mjs';
import { isListening } from './ports.ts';

/** A file of the folder `deploy` with texts in the place of others, each of which must be there. */
export function adapt(name: string, texts: Readonly<Record<string, string>>): string {
  let file = readFileSync(join(root, 'deploy', name), 'utf8');
  for (const [before, after] of Object.entries(texts)) {
    if (!file.includes(before)) throw new Error(`deploy/${name} has no ${JSON.stringify(before)}`);
    file = file.replaceAll(before, after);
  }
  return file;
}

/** nginx in front of hubs, configured as in `deploy/compose`. */
export class Nginx {
  readonly port: number;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(port: number, folder: string, child: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#child = child;
  }

  /** @param hubs the addresses of the hubs, such as `127.0.0.1:4001` */
  static async start(port: number, hubs: readonly string[]): Promise<Nginx> {
    // nginx tries for a while, and meanwhile somebody else answers on it.
    if (await isListening(port)) throw new Error(`nginx cannot have the port ${port}, because it is in use`);
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tidings-nginx-')));
    writeFileSync(join(folder, 'nginx.conf'), MAIN);
    writeFileSync(join(folder, 'hubs.conf'), upstream(hubs));
    const site = adapt('compose/nginx.conf', {
      'listen 80;': `listen 127.0.0.1:${port};`,
      '/etc/nginx/hubs.conf': join(folder, 'hubs.conf'),
    });
    writeFileSync(join(folder, 'tidings.conf'), site);
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
    const child = spawn(programPath('nginx'), args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      told = (told + text).slice(-1000);
    });
    const nginx = new Nginx(port, folder, child);
    while (child.exitCode === null) {
      if (told === '' && (await isListening(port))) return nginx;
      await wait(10);
    }
    await nginx.end();
    throw new Error(`nginx does not start: ${told.trim()}`);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Resolves when its process has ended. */
  async ended(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) await once(this.#child, 'exit');
  }

  async end(): Promise<void> {
    const ended = this.ended();
    this.#child.kill('SIGKILL');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What a compose file says of its hubs. */
export function upstream(hubs: readonly string[]): string {
  const servers = hubs.map((hub) => `  server ${hub} fail_timeout=3s;\n`).join('');
  return `upstream tidings {\n${servers}  keepalive 64;\n}\n`;
}

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`);

/** One process, so that nothing outlives it and no rights are given up. */
const MAIN = `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  ${TEMPORARY.join(' ')}
  include tidings.conf;
}
`;
