import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text as allOf } from 'node:stream/consumers';
import pg from 'pg';
import { programPath } from '../debian.mjs';
import { freePort } from './ports.ts';

/** Where the programs of PostgreSQL are: in the folder that `TIDINGS_POSTGRES` names, or where this machine has them. One that is found elsewhere may be a link. */
const programs = (): string => process.env['TIDINGS_POSTGRES'] ?? dirname(realpathSync(programPath('postgresql')));

/** `nobody`: PostgreSQL does not run as root. */
const NOBODY = 65_534;
const asNobody: { uid?: number; gid?: number } = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

interface PostgresServerOptions {
  /**
   * Whether it is to keep what it has answered when its machine fails, which takes time. Without, it keeps what was committed when its processes are killed
   * only for those who ask for it in their transactions, as the log does.
   * @default false
   */
  readonly isSafe?: boolean;
  /** Whether a Ctrl-C at the terminal does not reach it. @default false */
  readonly isForPeople?: boolean;
  /** Lets clients speak TLS: PEM, both. @default none */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

/** A server of PostgreSQL on a port of its own, with its data in a temporary folder. */
export class PostgresServer {
  readonly port: number;
  readonly folder: string;
  readonly #isSafe: boolean;
  readonly #isForPeople: boolean;
  #data: string;
  readonly #hasTls: boolean;
  #child: ChildProcess | undefined;
  #schemas = 0;
  #copies = 0;

  private constructor(port: number, folder: string, options: PostgresServerOptions) {
    const { isSafe = false, isForPeople = false, certificate } = options;
    this.port = port;
    this.folder = folder;
    this.#data = join(folder, 'data');
    this.#isSafe = isSafe;
    this.#isForPeople = isForPeople;
    this.#hasTls = certificate !== undefined;
    if (certificate) {
      for (const [name, text] of Object.entries(certificate)) {
        const file = join(folder, `${name}.pem`);
        writeFileSync(file, text, { mode: 0o600 });
        if (asNobody.uid !== undefined) chownSync(file, NOBODY, NOBODY);
      }
    }
  }

  static async start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tidings-postgres-')));
    try {
      if (asNobody.uid !== undefined) chownSync(folder, NOBODY, NOBODY);
      await initialize(folder, options.isForPeople ?? false);
      const server = new PostgresServer(await freePort(), folder, options);
      await server.run();
      return server;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Runs the server, and waits until it takes connections. */
  async run(): Promise<void> {
    const safety = this.#isSafe
      ? []
      : ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off'];
    const settings = ['-c', 'max_connections=200', '-c', 'shared_buffers=32MB', '-c', 'autovacuum=off'];
    const pem = (name: string): string => join(this.folder, `${name}.pem`);
    const tls = ['-c', 'ssl=on', '-c', `ssl_cert_file=${pem('cert')}`, '-c', `ssl_key_file=${pem('key')}`];
    // In the folder, so that a server that is killed leaves nothing elsewhere.
    const memory = ['-c', 'dynamic_shared_memory_type=mmap'];
    const where = ['-D', this.#data, '-p', String(this.port), '-h', '127.0.0.1', '-k', this.folder];
    this.#child = spawn(
      join(programs(), 'postgres'),
      [...where, ...settings, ...memory, ...safety, ...(this.#hasTls ? tls : [])],
      {
        ...asNobody,
        cwd: this.folder,
        stdio: ['ignore', 'ignore', 'pipe'],
        detached: this.#isForPeople,
      },
    );
    let told = '';
    const child = this.#child;
    await new Promise<void>((resolve, reject) => {
      child.stderr?.on('data', (text: Buffer) => {
        told += text.toString();
        if (/ready to accept (read-only )?connections/.test(told)) resolve();
      });
      child.once('exit', () => reject(new Error(`The server ended: ${told}`)));
    });
  }

  get url(): string {
    return `postgres://tidings@127.0.0.1:${this.port}/postgres`;
  }

  /** A name that no other test of this server has. */
  schema(): string {
    this.#schemas += 1;
    return `log_${this.#schemas}`;
  }

  /** Sends a signal to all processes of the server, such as to stop it as if its machine stood still. */
  signal(name: NodeJS.Signals): void {
    const { pid } = this.#child ?? {};
    if (pid === undefined) return;
    const children = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' }).stdout;
    for (const each of [pid, ...children.split('\n').map(Number)]) if (each > 0) send(each, name);
  }

  /** Resolves when its process, if it runs, has ended. */
  async ended(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /** Kills the server as a failing machine does. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const ended = this.ended();
    this.signal('SIGKILL');
    await ended;
    this.#child = undefined;
    this.#removeShared();
  }

  /** Removes the segment of shared memory that a server leaves when it is killed, whose number is in the seventh line of its file. */
  #removeShared(): void {
    const file = join(this.#data, 'postmaster.pid');
    if (!existsSync(file)) return;
    const [, id] = readFileSync(file, 'utf8').split('\n')[6]?.trim().split(/ +/) ?? [];
    if (id !== undefined) spawnSync('ipcrm', ['-m', id], { stdio: 'ignore' });
  }

  /** Asks the database. */
  async ask<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Ends every connection of logs. */
  async cut(): Promise<void> {
    await this.ask(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tidings'`);
  }

  /** Makes a copy of the data as they are now, as a standby has it that lags behind. */
  async copy(): Promise<string> {
    this.#copies += 1;
    const target = join(this.folder, `copy-${this.#copies}`);
    const args = [
      '-D',
      target,
      '-h',
      '127.0.0.1',
      '-p',
      String(this.port),
      '-U',
      'tidings',
      '-R',
      '--checkpoint=fast',
      '--no-sync',
    ];
    const child = spawn(join(programs(), 'pg_basebackup'), args, { ...asNobody, cwd: this.folder, stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number];
    if (code !== 0) throw new Error(`pg_basebackup failed with ${code}`);
    return target;
  }

  /** Copies what is stored while it does not run. @returns puts that back */
  keep(): () => void {
    this.#copies += 1;
    const [data, copy] = [this.#data, join(this.folder, `kept-${this.#copies}`)];
    // The files keep their owner.
    spawnSync('cp', ['-a', data, copy]);
    return () => {
      rmSync(data, { recursive: true });
      spawnSync('cp', ['-a', copy, data]);
    };
  }

  /** Runs a standby that follows this server. It is killed before this one is closed. */
  async standby(): Promise<PostgresServer> {
    const standby = new PostgresServer(await freePort(), this.folder, { isSafe: this.#isSafe });
    standby.#data = await this.copy();
    await standby.run();
    return standby;
  }

  /** The server fails, and a standby takes its place and its address. @param copy the data of the standby */
  async failOver(copy: string): Promise<void> {
    await this.kill();
    this.#data = copy;
    await this.run();
    await this.ask('select pg_promote()');
  }

  /** Kills the server and removes its data. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Makes the data of a server. */
async function initialize(folder: string, isForPeople: boolean): Promise<void> {
  const data = join(folder, 'data');
  const args = ['-D', data, '-U', 'tidings', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  const child = spawn(join(programs(), 'initdb'), args, {
    ...asNobody,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: isForPeople,
  });
  const [told] = await Promise.all([allOf(child.stderr), once(child, 'exit')]);
  if (child.exitCode !== 0) throw new Error(`initdb ended with ${child.signalCode ?? child.exitCode}: ${told}`);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}
