import { EventSource } from '@tidings/client';
import { describe, expect, test } from 'vitest';
import { listen } from './listen.ts';
import { scenarios } from './scenarios.ts';
import { ScriptedServer } from './scripted-server.ts';
import { settle } from './scripted-fetch.ts';

const utf8 = (bytes: string | undefined): string | null =>
  bytes === undefined ? null : Buffer.from(bytes, 'latin1').toString('utf8');

describe('EventSource', () => {
  test.each(scenarios.map((scenario) => ({ ...scenario, title: `${scenario.name} (${scenario.rules.join(', ')})` })))(
    '$title',
    async ({ server: scripts, plan, log, requests }) => {
      await using server = await ScriptedServer.listen(scripts);
      const seen = await listen(EventSource, { ...plan, url: server.fill(plan.url) }, async () => {
        await server.deserted();
        await settle();
      });

      expect(seen).toEqual(log.map((line) => server.fill(line)));
      expect(server.requests).toHaveLength(requests.length);
      for (const [index, { path, headers = {} }] of requests.entries()) {
        const request = server.requests[index]!;
        if (path !== undefined) expect(request.path).toBe(path);
        const sent = Object.keys(headers).map((name) => [name, utf8(request.headers[name])]);
        expect(Object.fromEntries(sent)).toEqual(headers);
      }
    },
  );
});
