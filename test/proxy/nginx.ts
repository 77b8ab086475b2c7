import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certify, ProxyProcess, type ProxyPorts } from './proxy-process.ts';

export interface NginxOptions {
  /** Directives beside `proxy_pass`, for the server block. @default none: what a plain installation does */
  readonly settings?: string;
}

/** A real nginx in front of a server, on ports that are its own as long as it lives: plain HTTP/1.1, and HTTP/2 over TLS. */
export class Nginx {
  readonly #folder: string;
  readonly #process: ProxyProcess;

  private constructor(folder: string, running: ProxyProcess) {
    this.#folder = folder;
    this.#process = running;
  }

  /** Starts one in front of the server with this origin. */
  static async start(upstream: string, { settings = '' }: NginxOptions = {}): Promise<Nginx> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tidings-nginx-')));
    try {
      certify(folder);
      const file = join(folder, 'nginx.conf');
      const running = await ProxyProcess.start((ports) => {
        writeFileSync(file, configuration(ports, upstream, settings));
        return { program: 'nginx', args: ['-p', folder, '-c', file, '-e', 'stderr'] };
      });
      return new Nginx(folder, running);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** The origin on HTTP/1.1. */
  get plain(): string {
    return `http://127.0.0.1:${this.#process.ports.plain}`;
  }

  /** The origin over TLS, where HTTP/2 can be had. Nobody knows who signed its certificate. */
  get tls(): string {
    return `https://127.0.0.1:${this.#process.ports.tls}`;
  }

  /** Kills it with SIGKILL and waits until it is gone. */
  kill(): Promise<void> {
    return this.#process.kill();
  }

  /** Starts it again, on the same ports. */
  restart(): Promise<void> {
    return this.#process.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One process, so that nothing outlives it and no rights are given up; of the rest as little as it takes. */
function configuration({ plain, tls }: ProxyPorts, upstream: string, settings: string): string {
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
        listen 127.0.0.1:${plain};
        listen 127.0.0.1:${tls} ssl http2;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        ${settings}
        location / {
          proxy_pass ${upstream};
        }
      }
    }
  `;
}
