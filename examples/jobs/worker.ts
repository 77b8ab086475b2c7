// A worker of the queue, in a process of its own. There can be as many as you like: of those that take a job, its lease elects one.

import { argv, stdin } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { isGap, subscribe } from '@tidings/client';
import { type RunContext, Runs } from '@tidings/server/runs';

const STEPS = 20;
const STEP_NUMBERS = 1000;
const STEP_MS = 200;

const hub = argv[2] ?? '';
const runs = new Runs({ hub });

// Whoever has started this process has gone.
stdin.on('end', () => process.exit()).resume();

/** Counts primes, and reports how far it has come, what it has found, and at last the result. */
async function countPrimes({ append, signal }: RunContext): Promise<void> {
  let count = 0;
  for (let step = 1; step <= STEPS; step += 1) {
    // Throws when the job is stopped, which ends it here.
    await wait(STEP_MS, undefined, { signal });
    for (let number = (step - 1) * STEP_NUMBERS + 1; number <= step * STEP_NUMBERS; number += 1) {
      if (isPrime(number)) count += 1;
    }
    await append({ event: 'progress', data: String((100 * step) / STEPS) });
    await append(`${count} primes up to ${step * STEP_NUMBERS}`);
  }
  await append({ event: 'result', data: JSON.stringify({ primes: count }) });
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor += 1) if (number % divisor === 0) return false;
  return number > 1;
}

// A job that another worker has taken, also one that is over, is left alone.
for await (const event of subscribe(`${hub}/topics/queue`, { lastEventId: 'earliest' })) {
  if (!isGap(event)) await runs.start(event.data, countPrimes, { lease: '5s' });
}
