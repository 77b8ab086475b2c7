import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort, isListening } from '../../../scripts/cluster/ports.ts';
import { programPath } from '../../../scripts/debian.mjs';
import { folder } from '../../../test/folder.ts';
import { isMissing } from '../../../test/missing.ts';
import { withoutPostgres } from '../../../test/postgres-server.ts';
import { allOf, event, followed, LONG, openLog, serverOfFile } from './rig.ts';

const file = serverOfFile();

/** `nobody`: PgBouncer does not run as root. */
const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** PgBouncer in front of a server, which gives each transaction whichever connection is free. */
class Pooler {
  readonly #port: number;
  readonly #config: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, config: string) {
    this.#port = port;
    this.#config = config;
  }

  static async start(server: number): Promise<Pooler> {
    const place = folder({});
    chmodSync(place, 0o755);
    const port = await freePort();
    const config = join(place, 'pgbouncer.ini');
    writeFileSync(join(place, 'users'), '"tidings" ""\n');
    writeFileSync(
      config,
      `[databases]
postgres = host=127.0.0.1 port=${server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${join(place, 'users')}
pool_mode = transaction
default_pool_size = 3
`,
    );
    const pooler = new Pooler(port, config);
    await pooler.run();
    onTestFinished(() => pooler.kill());
    return pooler;
  }

  get url(): string {
    return `postgres://tidings@127.0.0.1:${this.#port}/postgres`;
  }

  async run(): Promise<void> {
    const child = spawn(programPath('pgbouncer'), ['-q', this.#config], {
      ...asNobody,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      told += text;
    });
    while (!(await isListening(this.#port))) {
      if (child.exitCode !== null) throw new Error(`pgbouncer ended: ${told}`);
      await wait(10);
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

describe.skipIf(withoutPostgres || isMissing('pgbouncer'))(
  'behind a pooler that gives each transaction another connection',
  () => {
    test('nodes follow each other in order, each event once, also of the outbox, and go on when the pooler was away', async () => {
      const pooler = await Pooler.start(file.server.port);
      const schema = file.server.schema();
      // No notification comes through: what others commit is found by looking.
      const options = { url: pooler.url, pollMs: 50, waitMs: 20_000 };
      const nodes = [await openLog(file.server, schema, options), await openLog(file.server, schema, options)];
      const followers = nodes.map((node) => followed(node));
      const append = async (data: string): Promise<void> => {
        await Promise.all(
          nodes.map((node, index) => node.append([event('a', `${index} ${data}`)], { key: `${index} ${data}` })),
        );
      };
      for (let round = 0; round < 20; round += 1) await append(`first ${round}`);
      await file.server.ask(`select ${schema}.publish('a', 'outbox')`);
      const until = async (count: number): Promise<void> => {
        for (const follower of followers) await expect.poll(() => follower.data.length, LONG).toBe(count);
      };
      await until(41);
      await pooler.kill();
      const appended = append('while it was away');
      await expect.poll(() => followers.every(({ steps }) => steps.includes('lost')), LONG).toBe(true);
      await pooler.run();
      await appended;
      for (const node of nodes) {
        const data = await allOf(node);
        expect(data).toHaveLength(43);
        expect(new Set(data).size).toBe(43);
      }
      // Who follows begins anew behind what was appended before it could go on, and is told where.
      const all = await allOf(nodes[0]!);
      for (const { data } of followers) expect(data.slice(0, 41)).toEqual(all.slice(0, 41));
      await append('last');
      for (const follower of followers) {
        await expect.poll(() => follower.data.filter((data) => data.endsWith('last')).length, LONG).toBe(2);
      }
    });
  },
);
