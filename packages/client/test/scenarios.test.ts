import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { InstalledClient } from './installed-client.ts';
import { runtimes } from '../../../test/runtimes.ts';
import { bundleForRuntimes } from './browser-bundle.ts';
import { expectScenario, scenariosFor } from './scenario-check.ts';
import { ScenarioServer } from './scenario-server.ts';
import { scenarios } from './scenarios.ts';

const played = scenariosFor('outside browsers');
let installed: InstalledClient;
let script: string;

beforeAll(async () => {
  installed = new InstalledClient();
  script = installed.write('agent.mjs', await bundleForRuntimes());
});

afterAll(() => installed[Symbol.dispose]());

describe.each(runtimes)('EventSource on $title', ({ path, args, missing }) => {
  let server: ScenarioServer;
  let child: ChildProcess;

  beforeAll(async () => {
    if (missing) return;
    const agenda = { implementation: 'ours', scenarios: played.map(({ index }) => index), concurrency: 16 } as const;
    server = await ScenarioServer.listen(scenarios, agenda);
    child = spawn(path, [...args, script, server.origin], { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('exit', (code) => server.giveUp(`the runtime ended with code ${String(code)}`));
    child.on('error', ({ message }) => server.giveUp(`${message}: "npm test" fetches the runtime`));
  });

  afterAll(async () => {
    child?.kill();
    await server?.[Symbol.asyncDispose]();
  });

  for (const { index, title } of played) {
    test.skipIf(missing)(title, () => expectScenario(server, index, 'ours'));
  }
});
