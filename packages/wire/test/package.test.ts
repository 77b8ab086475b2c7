import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import * as wire from '@tidings/wire';
import { EVENT_STREAM_ERROR_CODES } from '../src/errors.ts';

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const examples = Array.from(readme.matchAll(/^```js\n([^]*?)^```$/gm), ([, code]) => code!);

test('the package exports these names', () => {
  expect(Object.keys(wire).toSorted()).toMatchInlineSnapshot(`
    [
      "CLOSED_TYPE",
      "DEFAULT_MAX_EVENT_BYTES",
      "EXPIRED_TYPE",
      "EventFieldsDecoder",
      "EventStreamDecoder",
      "EventStreamDecoderStream",
      "EventStreamError",
      "FORGOTTEN_TYPE",
      "GAP_TYPE",
      "HEARTBEAT_TYPE",
      "LISTENERS_TYPE",
      "LISTENER_CLOSED_TYPE",
      "LISTENER_OPENED_TYPE",
      "OWN_TYPE_PREFIX",
      "decodeEvent",
      "decodeEventStream",
      "encodeEvent",
      "isOwnType",
    ]
  `);
});

test.each(EVENT_STREAM_ERROR_CODES)('the README explains %s', (code) => {
  expect(readme).toMatch(new RegExp(`^\\| \`${code}\` \\| .+ \\|$`, 'm'));
});

test.each(examples)('an example of the README runs and prints what it says', async (example) => {
  const printed: string[] = [];
  const code = example.replace(/^import .*$/gm, '').replaceAll('console.log', 'print');
  const said = Array.from(example.matchAll(/\/\/ prints (.*)$/gm), ([, line]) => line);
  // An async function, because the example awaits at its top level
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (...args: unknown[]) => Promise<void>;
  const run = new AsyncFunction('print', ...Object.keys(wire), code);
  await run((...values: unknown[]) => printed.push(values.join(' ')), ...Object.values(wire));
  expect(said.length).toBeGreaterThan(0);
  expect(printed).toEqual(said);
});
