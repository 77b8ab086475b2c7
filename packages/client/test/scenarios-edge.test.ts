import { type ChildProcess, spawn } from 'node:child_process';
import { execPath } from 'node:process';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { bundleForEdge } from './browser-bundle.ts';
import { InstalledClient } from './installed-client.ts';
import { expectScenario, scenariosFor } from './scenario-check.ts';
import { ScenarioServer } from './scenario-server.ts';
import { scenarios } from './scenarios.ts';

/** Runs the agent in the runtime of Vercel's edge. The process is passed in for its reports of exceptions only. */
const PROGRAM = `
  import { readFileSync } from 'node:fs';
  import { EdgeVM } from ${JSON.stringify(import.meta.resolve('@edge-runtime/vm'))};
  const [, , agent, server] = process.argv;
  const vm = new EdgeVM({
    extend: (context) => Object.assign(context, { process: { on: process.on.bind(process) } }),
    initialCode: readFileSync(agent, 'utf8'),
  });
  await vm.evaluate('agent.default.fetch({ url: ' + JSON.stringify('http://edge.test/?server=' + server) + ' })');
  process.exit(0);`;

/** The fetch of the edge runtime never ends such a body. */
const ENDLESS = 'gzip that is none is a network error';

const played = scenariosFor('outside browsers').filter(({ index }) => scenarios[index]?.name !== ENDLESS);

describe('EventSource in an edge runtime', () => {
  let installed: InstalledClient;
  let server: ScenarioServer;
  let child: ChildProcess;

  beforeAll(async () => {
    installed = new InstalledClient();
    const agenda = { implementation: 'ours', scenarios: played.map(({ index }) => index), concurrency: 16 } as const;
    server = await ScenarioServer.listen(scenarios, agenda);
    const agent = installed.write('agent.js', await bundleForEdge());
    const program = installed.write('program.mjs', PROGRAM);
    child = spawn(execPath, [program, agent, server.origin], { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('exit', (code) => server.giveUp(`the runtime ended with code ${String(code)}`));
  });

  afterAll(async () => {
    child?.kill();
    await server?.[Symbol.asyncDispose]();
    installed?.[Symbol.dispose]();
  });

  for (const { index, title } of played) test(title, () => expectScenario(server, index, 'ours in an edge runtime'));
});
