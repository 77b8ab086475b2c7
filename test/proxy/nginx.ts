import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { programPath } from '../../scripts/debian.mjs';
import { freePort } from '../end-to-end/hub.ts';

// How often a port that was free is taken by somebody else before nginx has it.
const MAX_STARTS = 5;

export interface NginxOptions {
  /** Directives beside `proxy_pass`, for the server block. @default none: what a plain installation does */
  readonly settings?: string;
}

/** A real nginx in front of a server, on ports that are its own as long as it lives: plain HTTP/1.1, and HTTP/2 over TLS. */
export class Nginx {
  readonly #folder: string;
  readonly #upstream: string;
  readonly #settings: string;
  #ports: { readonly plain: number; readonly tls: number } = { plain: 0, tls: 0 };
  #child: ChildProcess | undefined;
  #said = '';

  private constructor(upstream: string, settings: string) {
    this.#folder = realpathSync(mkdtempSync(join(tmpdir(), 'tidings-nginx-')));
    this.#upstream = upstream;
    this.#settings = settings;
  }

  /** Starts one in front of the server with this origin. */
  static async start(upstream: string, { settings = '' }: NginxOptions = {}): Promise<Nginx> {
    const nginx = new Nginx(upstream, settings);
    try {
      nginx.#certify();
      await nginx.#findPorts();
    } catch (error) {
      await nginx[Symbol.asyncDispose]();
      throw error;
    }
    return nginx;
  }

  /** The origin on HTTP/1.1. */
  get plain(): string {
    return `http://127.0.0.1:${this.#ports.plain}`;
  }

  /** The origin over TLS, where HTTP/2 can be had. Nobody knows who signed its certificate. */
  get tls(): string {
    return `https://127.0.0.1:${this.#ports.tls}`;
  }

  /** Kills it with SIGKILL and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Starts it again, on the same ports. */
  async restart(): Promise<void> {
    if (!(await this.#run())) throw new Error(`nginx did not start again: ${this.#said}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #certify(): void {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const args = ['req', '-x509', '-days', '2', ...key, ...subject, '-out', 'cert.pem'];
    execFileSync(programPath('openssl'), args, { cwd: this.#folder, stdio: 'pipe' });
  }

  async #findPorts(): Promise<void> {
    for (let attempt = 1; attempt <= MAX_STARTS; attempt += 1) {
      this.#ports = { plain: await freePort(), tls: await freePort() };
      writeFileSync(join(this.#folder, 'nginx.conf'), this.#configuration());
      if (await this.#run()) return;
      if (!this.#said.includes('Address already in use')) break;
    }
    throw new Error(`nginx did not start: ${this.#said}`);
  }

  /** Whether it has come up. */
  async #run(): Promise<boolean> {
    const args = ['-p', this.#folder, '-c', join(this.#folder, 'nginx.conf'), '-e', 'stderr'];
    const child = spawn(programPath('nginx'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    this.#said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
    });
    const closed = once(child, 'close').then(() => 'closed' as const);
    for (;;) {
      const outcome = await Promise.race([closed, canConnect(this.#ports.tls)]);
      if (outcome === 'closed') return false;
      if (outcome) return true;
      await delay(10);
    }
  }

  /** One process, so that nothing outlives it and no rights are given up; of the rest as little as it takes. */
  #configuration(): string {
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    return `
      daemon off;
      master_process off;
      pid nginx.pid;
      error_log stderr;
      events {}
      http {
        access_log off;
        ${folders.map((name) => `${name}_temp_path ${name};`).join(' ')}
        server {
          listen 127.0.0.1:${this.#ports.plain};
          listen 127.0.0.1:${this.#ports.tls} ssl http2;
          ssl_certificate cert.pem;
          ssl_certificate_key key.pem;
          ${this.#settings}
          location / {
            proxy_pass ${this.#upstream};
          }
        }
      }
    `;
  }
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
