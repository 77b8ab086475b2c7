import { describe, expect, test } from 'vitest';
import { runtimes } from '../../../test/runtimes.ts';
import { InstalledClient } from './installed-client.ts';
import { runProgram } from './program.ts';

const nodes = runtimes.filter(({ kind }) => kind === 'node');

describe.each(nodes)('on $title', (node) => {
  test.skipIf(node.missing)('eleven listeners and eleven users of a signal are no leak', async () => {
    using installed = new InstalledClient();
    const program = `
      import { EventSource, subscribe } from '@tidings/client';
      const warnings = [];
      process.on('warning', ({ name }) => warnings.push(name));
      const fetch = () => new Promise(() => {});
      const source = new EventSource('http://tidings.test/', { fetch });
      const controller = new AbortController();
      for (let count = 0; count < 11; count++) {
        source.addEventListener('message', () => {});
        const options = { fetch, signal: controller.signal };
        subscribe('http://tidings.test/', options)[Symbol.asyncIterator]().next().catch(() => {});
      }
      // Warnings are told in the next turn.
      await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
      source.close();
      console.log(JSON.stringify(warnings));`;
    expect(await runProgram(node, installed, program)).toEqual({ code: 0, lines: ['[]'] });
  });

  test.skipIf(node.missing)('nothing needs TextEncoder or TextDecoder, as simulated browsers lack them', async () => {
    using installed = new InstalledClient();
    const program = `
      // Node's own classes are loaded with their first use, and need them then.
      const headers = new Headers({ 'content-type': 'text/event-stream' });
      void (new Response(), MessageEvent);
      const bytes = new TextEncoder().encode('data: é\\n\\n');
      for (const name of ['TextEncoder', 'TextDecoder', 'MessageEvent']) delete globalThis[name];
      const { subscribe } = await import('@tidings/client');
      const { decodeEvent, decodeEventStream } = await import('@tidings/wire');
      const source = async function* () { yield bytes; };
      for await (const { data } of decodeEventStream(source())) console.log(data);
      const fetch = async (url) => ({ status: 200, url, redirected: false, headers, body: source() });
      for await (const { data } of subscribe('http://tidings.test/', { fetch, retry: { maxAttempts: 1 } })) console.log(data);
      console.log(decodeEvent('data: a\\n\\n').data);`;
    expect(await runProgram(node, installed, program)).toEqual({ code: 0, lines: ['é', 'é', 'a'] });
  });
});
