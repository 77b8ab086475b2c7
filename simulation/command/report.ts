import type { Plan } from '../faults/plan.ts';
import type { Finding, Outcome } from '../outcome.ts';

const PROMISES = ['lost', 'doubled', 'false gap'] as const;

const number = (value: number): string => Math.round(value).toLocaleString('en-US');

/** What a simulation has done and found, for people. */
export function summary(plan: Plan, outcome: Outcome, ms: number): string {
  const { digest, findings } = outcome;
  const lines = [
    `seed ${plan.seed}: ${plan.nodes} nodes, ${plan.stores} stores, ${number(plan.listeners)} listeners · ${figures([outcome])} · ${(ms / 1000).toFixed(1)} s · ${digest}`,
    ...findings.map(({ at, who, breach, what }) => `  at ${(at / 1000).toFixed(1)} s, ${who}, ${breach}: ${what}`),
  ];
  return lines.join('\n');
}

/** The same of several simulations together. */
export function total(outcomes: readonly Outcome[]): string {
  return `${outcomes.length} simulations: ${figures(outcomes)}`;
}

function figures(outcomes: readonly Outcome[]): string {
  const sum = (valueOf: (outcome: Outcome) => number): number =>
    outcomes.reduce((whole, outcome) => whole + valueOf(outcome), 0);
  const found = (breach: Finding['breach']): number =>
    sum(({ findings }) => findings.filter((finding) => finding.breach === breach).length);
  const seconds = sum((outcome) => outcome.seconds);
  const time =
    seconds < 7200
      ? `${(seconds / 60).toFixed(1)} simulated minutes`
      : `${(seconds / 3600).toFixed(1)} simulated hours`;
  const others = sum(({ findings }) => findings.length) - PROMISES.reduce((count, breach) => count + found(breach), 0);
  return [
    time,
    `${number(sum(({ faults }) => faults))} faults`,
    `${number(sum(({ events }) => events))} events`,
    `${number(sum(({ delivered }) => delivered))} deliveries`,
    `${number(sum(({ gaps }) => gaps))} true gaps`,
    ...PROMISES.map((breach) => `${breach} ${number(found(breach))}`),
    `other faults ${number(others)}`,
  ].join(', ');
}
