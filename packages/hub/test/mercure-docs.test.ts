import { compilePattern, explainMercureToken } from '@tidings/hub';
import { expect, test } from 'vitest';
import { freePort } from '../../../test/end-to-end/hub.ts';
import { program, RunningProgram, whenUp } from '../../../test/program.ts';
import { oldToken, ROOT } from './mercure-hub.ts';
import { forge } from './token-maker.ts';

const PAGE = 'docs/from-mercure.md';

test('the page on moving from a Mercure hub has a hub that takes tokens of the old dialect', async () => {
  const port = await freePort();
  const running = RunningProgram.node(program(PAGE, 'js', 'LmdbLog').replaceAll('4000', String(port)));
  const url = `http://127.0.0.1:${port}${ROOT}`;
  const key = Buffer.from('!ChangeThisMercureHubJWTSecretKey!');
  const token = await oldToken({ publish: ['*'], subscribe: ['*'] }, { key });
  const stream = await whenUp(running, `${url}?topic=*`);
  const body = new URLSearchParams({ topic: 'a', data: 'moved' });
  const published = await fetch(url, { method: 'POST', body, headers: { authorization: `Bearer ${token}` } });
  const id = await published.text();
  let text = '';
  for await (const chunk of stream.body!) {
    text += Buffer.from(chunk).toString();
    if (text.includes('moved')) break;
  }
  expect(text).toContain(`id: ${id}\ndata: moved\n\n`);
});

test('the page on moving from a Mercure hub bounds the events of subscriptions', async () => {
  const code = program(PAGE, 'js', 'perTopic');
  const running = RunningProgram.node(code);
  await running.printed('0\n');
  const [, pattern = ''] = /pattern: '([^']+)'/.exec(code) ?? [];
  const matches = compilePattern({ pattern, base: 'https://example.com/' });
  expect([`${ROOT}/subscriptions/exact/a%2Fb/urn%3Auuid%3A1`, '/a', 'a'].map(matches)).toEqual([true, false, false]);
});

test('the page on moving from a Mercure hub has the claims of a token of the new dialect', async () => {
  const claims = JSON.parse(program(PAGE, 'json', 'authorization_details')) as Record<string, unknown>;
  const token = forge({ alg: 'HS256', typ: 'at+jwt' }, { ...claims, exp: 4_102_444_800 });
  const news = ['/news', { pattern: '/users/7/:part' }];
  expect(await explainMercureToken(token, { keys: [] })).toMatchObject({
    dialect: 'new',
    grant: { publish: news, subscribe: news, listens: true },
    refusal: undefined,
  });
});
