import { describe, expect, test } from 'vitest';
import { InstalledClient } from './installed-client.ts';
import { runProgram } from './program.ts';
import { runtimes } from '../../../test/runtimes.ts';

/** Whose class the global one is in the end, and what its property is like. */
const PROGRAM = `
  const before = globalThis.EventSource;
  await import('@tidings/client/polyfill');
  const { EventSource: ours } = await import('@tidings/client');
  console.log(before === undefined ? 'missing' : 'there', globalThis.EventSource === ours ? 'ours' : 'kept');
  const { enumerable, writable, configurable } = Object.getOwnPropertyDescriptor(globalThis, 'EventSource');
  console.log(enumerable, writable, configurable);`;

/** Which of the pinned versions have one of their own. */
const HAVE_ONE = new Set(['deno']);

describe.each(runtimes)('the polyfill on $title', (runtime) => {
  test.skipIf(runtime.missing)('installs our class where there is none, and only there', async () => {
    using installed = new InstalledClient();
    const { code, lines } = await runProgram(runtime, installed, PROGRAM);
    const [first, second] = lines;
    expect(code).toBe(0);
    expect(first).toBe(HAVE_ONE.has(runtime.kind) ? 'there kept' : 'missing ours');
    // As an interface of a platform is: not enumerable, and open to be replaced.
    if (!HAVE_ONE.has(runtime.kind)) expect(second).toBe('false true true');
  });

  test.skipIf(runtime.missing)('keeps what a program has put there', async () => {
    using installed = new InstalledClient();
    const program = `
      const mine = class EventSource {};
      globalThis.EventSource = mine;
      await import('@tidings/client/polyfill');
      console.log(globalThis.EventSource === mine);`;
    expect(await runProgram(runtime, installed, program)).toEqual({ code: 0, lines: ['true'] });
  });
});

const nodes = runtimes.filter(({ kind, title }) => kind === 'node' && !title.startsWith('Node 20'));
describe.each(nodes)('the polyfill on $title', (node) => {
  test.skipIf(node.missing)('leaves the experimental EventSource alone', async () => {
    using installed = new InstalledClient();
    const flagged = { ...node, args: ['--experimental-eventsource', '--no-warnings', ...node.args] };
    const { lines } = await runProgram(flagged, installed, PROGRAM);
    expect(lines[0]).toBe('there kept');
  });
});
