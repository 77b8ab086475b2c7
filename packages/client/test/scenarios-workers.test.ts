import { afterAll, beforeAll, describe, test } from 'vitest';
import { workerd } from '../../../test/runtimes.ts';
import { bundleForWorkers } from './browser-bundle.ts';
import { expectScenario, scenariosFor } from './scenario-check.ts';
import { ScenarioServer } from './scenario-server.ts';
import { scenarios } from './scenarios.ts';
import { WorkerProcess } from './worker-process.ts';

/** At the first of these the option `cache` of fetch is refused, and `dispatchEvent` throws what a listener throws. */
const DATES = ['2022-11-30', '2026-11-01'] as const;

/** The rule that a listener which throws leaves the others their turn, which no code can keep where `dispatchEvent` throws. */
const THROWING_LISTENERS = 43;

describe.each(DATES)('EventSource in a Worker of %s', (date) => {
  const played = scenariosFor('outside browsers').filter(
    ({ index }) => date !== DATES[0] || !scenarios[index]?.rules.includes(THROWING_LISTENERS),
  );
  let server: ScenarioServer;
  let worker: WorkerProcess;

  beforeAll(async () => {
    if (workerd.missing) return;
    const agenda = { implementation: 'ours', scenarios: played.map(({ index }) => index), concurrency: 16 } as const;
    server = await ScenarioServer.listen(scenarios, agenda);
    worker = await WorkerProcess.start(await bundleForWorkers(), date);
    void fetch(`${worker.origin}/?server=${server.origin}`)
      .then(async (response) => server.giveUp(`the Worker answered ${response.status} ${await response.text()}`))
      .catch((error: unknown) => server.giveUp(String(error)));
  });

  afterAll(async () => {
    worker?.[Symbol.dispose]();
    await server?.[Symbol.asyncDispose]();
  });

  for (const { index, title } of played) {
    test.skipIf(workerd.missing)(title, () => expectScenario(server, index, 'ours in a Worker'));
  }
});
