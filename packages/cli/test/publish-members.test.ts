import { expect, test } from 'vitest';
import { run } from './command.ts';
import { HubProcess } from './hub-process.ts';

interface Kept {
  readonly topic: string;
  readonly type: string;
  readonly data: string;
  readonly key?: string;
}

async function kept({ url }: HubProcess, query: string, headers = {}): Promise<readonly Kept[]> {
  const page = await fetch(new URL(`topics${query}`, url), { headers: { accept: 'application/json', ...headers } });
  return ((await page.json()) as { events: Kept[] }).events;
}

test('lines of standard input are of one value, and private', async () => {
  const hub = await HubProcess.start('--key', 'a-key-of-the-hub', '--anonymous', 'listen');
  const key = ['--key', 'a-key-of-the-hub', '--hub', hub.url];
  const args = ['publish', 'prices', '--latest-key', 'EUR', '--private', '--close', ...key];
  expect((await run(args, { input: '1\n2\n' })).code).toBe(0);
  expect(await kept(hub, '/prices')).toEqual([]);
  const all = await kept(hub, '/prices', { authorization: 'Bearer a-key-of-the-hub' });
  expect(all.map(({ data, key: name }) => [data, name])).toEqual([
    ['1', 'EUR'],
    ['2', 'EUR'],
    ['{"reason":"closed"}', undefined],
  ]);
  const single = await run(['publish', 'single', 'x', '--private', ...key]);
  expect([single.code, await kept(hub, '/single')]).toEqual([0, []]);
});

test('lines of JSON have topics of their own, or that of the command line, and data as it is', async () => {
  const hub = await HubProcess.start('--memory');
  const input = [
    '{"topic":"a","data":{"n":1.0, "of":[12345678901234567890,{"x":"}\\""}]}}',
    '',
    ' {"data" : "text" , "type":"made","key":"k","close":true} ',
  ].join('\n');
  const result = await run(['publish', 'b', '--format', 'ndjson', '--hub', hub.url], { input });
  expect(result).toEqual({ code: 0, stdout: '', stderr: 'Published 2 events\n' });
  expect(await kept(hub, '?match=a&match=b')).toMatchObject([
    { topic: 'a', type: 'message', data: '{"n":1.0, "of":[12345678901234567890,{"x":"}\\""}]}' },
    { topic: 'b', type: 'made', data: 'text', key: 'k' },
  ]);
});

test.each([
  ['{"data":1}', 'line 2 of standard input has no topic, and the command line names none'],
  ['{"topic":"b"}', 'line 2 of standard input has no data'],
  ['{"topic":"b","data":1,"tpye":"x"}', 'line 2 of standard input has the member "tpye", .*did you mean type\\?'],
  ['{"topic":"b","data":1,"data":2}', 'line 2 of standard input has the member "data" twice'],
  ['{"topic":1,"data":1}', 'line 2 of standard input has 1 as topic, but must have a string'],
  ['[1]', 'line 2 of standard input is no JSON object'],
  ['{', 'line 2 of standard input is no JSON: '],
  ['{"topic":"b","data":1,"lease":"x"}', 'line 2: the hub answered 409 Conflict: .* is not leased, or no longer'],
])('a line %j is named, and what is before it is published', async (line, found) => {
  const hub = await HubProcess.start('--memory');
  const input = `{"topic":"a","data":1}\n${line}\n{"topic":"a","data":3}\n`;
  const { code, stderr } = await run(['publish', '--format', 'ndjson', '--hub', hub.url], { input });
  expect(stderr).toMatch(new RegExp(`^Published 1 event.*\ntidings: ${found}.*\n$`));
  expect([code, (await kept(hub, '/a')).map(({ data }) => data)]).toEqual([1, ['1']]);
});

test('the token of a lease is that of an event, or of all lines', async () => {
  const hub = await HubProcess.start('--memory');
  const tidings = async (input: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run([...args, '--hub', hub.url], { input });
    return code === 0 ? stdout.trim() : stderr;
  };
  const token = await tidings('', 'topics', 'lease', 'a', '30s');
  expect(token).toMatch(/^[0-9a-f]{32}$/);
  expect(await tidings('', 'publish', 'a', 'x')).toContain('its lease was not given (give its token with --token)');
  expect(await tidings('', 'publish', 'a', '1', '--token', token)).toMatch(/\.1$/);
  await tidings('2\n3\n', 'publish', 'a', '--token', token, '--close');
  expect((await kept(hub, '/a')).map(({ data }) => data)).toEqual(['1', '2', '3', '{"reason":"closed"}']);
});
