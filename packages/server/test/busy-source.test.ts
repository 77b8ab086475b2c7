import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { connect } from 'node:http2';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';

// The servers are processes of their own: one that never waits would keep the test waiting for ever, too.

let server: ChildProcess | undefined;
afterEach(() => {
  server?.kill('SIGKILL');
});

async function serve(kind: string): Promise<number> {
  const program = new URL('busy-source-process.ts', import.meta.url).pathname;
  server = spawn(process.execPath, [program, kind], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: server.stdout! }), 'line')) as [string];
  return Number(line);
}

/** Opens a request, and returns its body and a function that ends its connection. */
async function open(kind: string, port: number, path: string): Promise<{ body: Readable; leave: () => void }> {
  if (kind === 'http2') {
    const session = connect(`http://127.0.0.1:${port}`).on('error', () => {});
    const stream = session.request({ ':path': path }).on('error', () => {});
    await once(stream, 'response');
    return { body: stream, leave: () => session.destroy() };
  }
  const request = get({ host: '127.0.0.1', port, path, agent: false });
  const [body] = (await once(request, 'response')) as [Readable];
  body.on('error', () => {});
  return { body, leave: () => request.destroy() };
}

async function textOf(kind: string, port: number, path: string): Promise<string> {
  const { body, leave } = await open(kind, port, path);
  let text = '';
  for await (const chunk of body) text += String(chunk);
  leave();
  return text;
}

describe.each(['http', 'tidings', 'http2', 'fetch'])('a source that never waits, on %s,', (kind) => {
  test.each(['small', 'large', 'slow', 'stream', 'callback', 'deaf', 'channel'])(
    'leaves others their turns and ends with its listener: %s',
    async (name) => {
      const port = await serve(kind);
      const { body, leave } = await open(kind, port, `/${name}`);
      let bytes = 0;
      body.on('data', (chunk: Uint8Array) => (bytes += chunk.length));
      // Others are answered while it is read, and it goes on.
      for (let asked = 0; asked < 3; asked += 1) {
        const before = bytes;
        while (bytes === before) await once(body, 'data');
        expect(await textOf(kind, port, '/returned')).toBe('');
      }
      leave();
      let gone = '';
      while (gone === '') gone = await textOf(kind, port, '/returned');
      expect(gone).toBe(name);
    },
  );
});
