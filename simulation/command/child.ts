import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Defect } from '../defects/defects.ts';
import type { Plan } from '../faults/plan.ts';
import type { Outcome } from '../outcome.ts';

const PROGRAM = join(import.meta.dirname, '../child.ts');

/** What a process that runs one simulation is told. */
export interface Task {
  readonly plan: Plan;
  /** The name of a defect that is put into the code. */
  readonly defect: string | undefined;
}

/**
 * Runs a simulation in a process of its own, because it takes over time and chance of its process, and a defect the code.
 * @throws {Error} (as a rejection) if the process ends without an outcome
 */
export async function simulate(plan: Plan, defect?: Defect): Promise<Outcome> {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  const task: Task = { plan, defect: defect?.name };
  child.stdin.end(JSON.stringify(task));
  const parts: Buffer[] = [];
  for await (const part of child.stdout) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  try {
    return JSON.parse(text) as Outcome;
  } catch (cause) {
    throw new Error(`A simulation of seed ${plan.seed} ended without an outcome`, { cause });
  }
}
