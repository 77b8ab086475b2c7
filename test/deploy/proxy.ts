import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { programPath } from '../../scripts/debian.mjs';
import { freePort } from '../end-to-end/hub.ts';
import { folder } from '../folder.ts';
import { isMissing } from '../missing.ts';
import { CONFIGURATIONS, type Place } from './configurations.ts';

// How often a port that was free is taken by somebody else before the proxy has it.
const MAX_STARTS = 5;

export const PROXIES = ['nginx', 'Caddy', 'HAProxy', 'Apache'] as const satisfies (keyof typeof CONFIGURATIONS)[];
export type ProxyName = (typeof PROXIES)[number];

/** Whether the program of a proxy, or what makes its certificate, is missing. */
export function lacks(name: ProxyName): boolean {
  return isMissing(CONFIGURATIONS[name].program) || isMissing('openssl');
}

/** A proxy with its configuration from the folder `deploy`, in front of a hub, for the length of one test. */
export interface RunningProxy {
  /** Its origin without TLS. */
  readonly plain: string;
  /** Its origin with TLS. Nobody knows who signed its certificate. */
  readonly tls: string;
}

/** @param hub the port of the hub */
export async function startProxy(name: ProxyName, hub: number): Promise<RunningProxy> {
  const { program, files, args } = CONFIGURATIONS[name];
  const place = folder({});
  // Apache's processes are those of another user.
  chmodSync(place, 0o755);
  certify(place);
  let said = '';
  for (let attempt = 1; attempt <= MAX_STARTS; attempt += 1) {
    const ports: Place = { folder: place, hub, plain: await freePort(), tls: await freePort() };
    for (const [file, text] of Object.entries(files(ports))) writeFileSync(join(place, file), text);
    const child = spawn(programPath(program), args(ports), {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
      env: { ...process.env, HOME: place, XDG_CONFIG_HOME: place, XDG_DATA_HOME: place },
    });
    onTestFinished(() => end(child));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    if ((await isUp(child, ports.plain)) && (await isUp(child, ports.tls))) {
      return { plain: `http://127.0.0.1:${ports.plain}`, tls: `https://127.0.0.1:${ports.tls}` };
    }
    if (!/in use/i.test(said)) break;
  }
  throw new Error(`${name} did not start: ${said}`);
}

function certify(place: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const args = ['req', '-x509', '-days', '2', ...key, ...subject, '-out', 'cert.pem'];
  execFileSync(programPath('openssl'), args, { cwd: place, stdio: 'pipe' });
  const both = ['cert.pem', 'key.pem'].map((file) => readFileSync(join(place, file), 'utf8')).join('');
  writeFileSync(join(place, 'both.pem'), both);
}

/** Ends a proxy with all of its processes, which are a group. Some would wait for their connections to end. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, 'SIGKILL');
  await once(child, 'exit');
}

async function isUp(child: ChildProcess, port: number): Promise<boolean> {
  const closed = once(child, 'close').then(() => 'closed' as const);
  for (;;) {
    const outcome = await Promise.race([closed, canConnect(port)]);
    if (outcome === 'closed') return false;
    if (outcome) return true;
    await delay(10);
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
