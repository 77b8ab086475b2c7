import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { runtimes } from '../../../test/runtimes.ts';
import { install } from './conformance-process.ts';
import { Facts } from './facts.ts';
import { RawClient } from './test-server.ts';

test.for(runtimes)(
  'on $title a stream outlives its request and response, where that runtime’s http can let go of them',
  { timeout: 60_000 },
  async ({ kind, path, args: usual, missing }, { skip }) => {
    skip(missing);
    const folder = await install(new URL('stream-server-process.ts', import.meta.url));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const args = kind === 'node' ? ['--expose-gc'] : usual;
    const child = spawn(path, [...args, join(folder, 'server.mjs')], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const facts = new Facts();
    createInterface({ input: child.stdout }).on('line', (line) => facts.add(line));
    const [, port] = (await facts.take('port ')).split(' ');
    const client = new RawClient(connect(Number(port), '127.0.0.1'));
    client.get();
    await client.until('tidings-heartbeat');
    child.stdin.write('one\n');
    await client.until('data: one\n\n');
    child.stdin.write('look\n');
    const found = await facts.take('request ');
    if (kind === 'node') expect(found).toBe('request gone, response gone, http’s socket gone, listeners 1');
    else expect(found).toContain('listeners 1');
    child.stdin.write('two\n');
    await client.until('data: two\n\n');
    // The listener's going is noticed.
    client.socket.destroy();
    for (let left = ''; !left.endsWith('listeners 0');) {
      child.stdin.write('look\n');
      left = await facts.take('request ');
    }
    child.kill('SIGKILL');
    await once(child, 'close');
  },
);
