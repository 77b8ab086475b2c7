import { request } from 'node:http';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { freePort } from '../end-to-end/hub.ts';
import { program, RunningProgram, whenUp } from '../program.ts';

test('the program of runs in the README outlives requests with ids that no run can have', async () => {
  const port = await freePort();
  const code = program('packages/server/README.md', 'js', 'async function* tokens').replace('3000', String(port));
  const server = RunningProgram.node(code);
  const url = `http://127.0.0.1:${port}/`;
  await (await whenUp(server, url)).body?.cancel();
  const statusOf = async (method: string, path: string): Promise<number | undefined> => {
    // Not with fetch, which changes the path.
    const asked = request({ port, host: '127.0.0.1', method, path }).end();
    const [response] = await once(asked, 'response');
    response.resume();
    return response.statusCode;
  };
  for (const method of ['GET', 'POST', 'DELETE']) {
    for (const path of ['//x', '/a\\b', '/a/../b', `/${'x'.repeat(300)}`]) {
      expect([method, path, await statusOf(method, path)]).toEqual([method, path, 400]);
    }
  }
  const answer = await fetch(`${url}answer`, { method: 'POST' });
  expect(await answer.text()).toContain('data: {"state":"done"}');
});
