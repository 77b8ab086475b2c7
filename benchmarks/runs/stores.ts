import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { NatsServer } from '../../scripts/cluster/nats-server.ts';
import { freePort } from '../../scripts/cluster/ports.ts';
import { PostgresServer } from '../../scripts/cluster/postgres-server.ts';
import { findOnMachine } from '../../scripts/paths.mjs';
import { Child } from '../parts/child.ts';
import { childrenOf } from '../parts/cpu.ts';
import { dataFolder, programFolder } from '../parts/folder.ts';

/** Where a system keeps answers, in processes of its own. */
export interface Store {
  /** What a system needs to know of it. */
  readonly place: string;
  /** Its processes. */
  readonly pids: () => readonly number[];
  /** Kills it as `kill -9` does. */
  kill(): Promise<void>;
  /** Starts it again on what it has on disk. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** No process of its own: the application's is all there is. */
export function inProcess(): Store {
  const nothing = async (): Promise<void> => {};
  return { place: 'memory:', pids: () => [], kill: nothing, restart: nothing, stop: nothing };
}

/** @param args more than the port and the folder: without any, it is configured as it is by default */
export async function redis(...args: readonly string[]): Promise<Store> {
  const path = findOnMachine(['redis-server']);
  if (path === undefined) throw new Error('There is no redis-server on this machine');
  const port = await freePort();
  const folder = dataFolder();
  let child: ChildProcess;
  const restart = async (): Promise<void> => {
    const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...args];
    child = spawn(path, options, { stdio: 'ignore' });
    process.once('exit', () => child.kill('SIGKILL'));
    while (!(await answers(port))) await wait(20);
  };
  const kill = async (): Promise<void> => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  await restart();
  return { place: `redis://127.0.0.1:${port}`, pids: () => [child.pid ?? 0], kill, restart, stop: kill };
}

/** A hub on disk. */
export async function hub(): Promise<Store> {
  const port = await freePort();
  return await program(`http://127.0.0.1:${port}`, 'hub.ts', [dataFolder(), String(port)]);
}

/** A log on disk behind a Unix socket. */
export async function logHost(): Promise<Store> {
  const folder = programFolder();
  chmodSync(folder, 0o700);
  const socket = join(folder, 'log.sock');
  return await program(`unix://${socket}`, 'log-host.ts', [dataFolder(), socket]);
}

async function program(place: string, name: string, args: readonly string[]): Promise<Store> {
  let child: Child;
  const restart = async (): Promise<void> => {
    child = Child.node(new URL(name, import.meta.url), args);
    await child.line();
  };
  await restart();
  return {
    place,
    pids: () => [child.pid],
    restart,
    async kill() {
      child.end('SIGKILL');
      await child.stop();
    },
    stop: () => child.stop(),
  };
}

/** PostgreSQL with all of its safety, as it is by default. */
export async function postgres(): Promise<Store> {
  const server = await PostgresServer.start({ isSafe: true });
  const main = (): number => Number(readFileSync(join(server.folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
  return {
    place: server.url,
    pids: () => [main(), ...childrenOf(main())],
    kill: () => server.kill(),
    restart: () => server.run(),
    stop: () => server.close(),
  };
}

export async function nats(): Promise<Store> {
  const server = await NatsServer.start();
  const nothing = async (): Promise<void> => {};
  return {
    place: `nats://127.0.0.1:${server.port}`,
    pids: () => [],
    kill: nothing,
    restart: nothing,
    stop: () => server.end(),
  };
}

/** Whether a server of Redis answers. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.on('data', (data) => {
      socket.destroy();
      // While it loads its data it answers with an error.
      resolve(data.toString().startsWith('+PONG'));
    });
    socket.on('error', () => resolve(false));
  });
}
