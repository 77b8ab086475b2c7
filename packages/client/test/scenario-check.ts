import { expect } from 'vitest';
import type { Expectation, Listener, Scenario } from './scenario.ts';
import type { ScenarioServer } from './scenario-server.ts';
import { scenarios } from './scenarios.ts';

const utf8 = (bytes: string | undefined): string | null =>
  bytes === undefined ? null : Buffer.from(bytes, 'latin1').toString('utf8');

/** The scenarios that make sense there, each with its index and a title that names its rules and its subtests. */
export function scenariosFor(where: NonNullable<Scenario['where']>): readonly { index: number; title: string }[] {
  return scenarios.flatMap(({ name, rules, wpt = [], where: only = where }, index) =>
    only === where ? [{ index, title: `${name} (${[...rules, ...wpt].join(', ')})` }] : [],
  );
}

/** Waits until a scenario has been played and compares what was seen with what had to be. */
export async function expectScenario(server: ScenarioServer, index: number, listener: Listener): Promise<void> {
  const scenario = scenarios[index]!;
  const departure = scenario.departures?.find(({ who }) => who.includes(listener));
  const expected: Expectation = { ...scenario, ...departure };
  const seen = await server.outcome(index);

  const logs = [expected.log, ...(departure?.orLogs ?? [])].map((log) => log.join('\n'));
  expect(seen.log.join('\n')).toBeOneOf(logs);
  // Firefox may let go of a response that a script gives up, by abort or by cancel, only when its next bytes arrive: always
  // after a redirect, and now and then in a worker.
  if (listener !== 'ours in Firefox') expect(seen).toMatchObject({ late: false });
  if (expected.requests === undefined || departure?.anyRequests === true) return;
  const asked = seen.requests.map(({ method, path }) => `${method} ${path}`);
  expect(asked).toHaveLength(expected.requests.length);
  for (const [number, { method, path, headers = {} }] of expected.requests.entries()) {
    const request = seen.requests[number]!;
    if (method !== undefined) expect(request.method).toBe(method);
    if (path !== undefined) expect(request.path).toBe(path);
    const sent = Object.keys(headers).map((name) => [name, utf8(request.headers[name])]);
    expect(Object.fromEntries(sent)).toEqual(headers);
  }
}
