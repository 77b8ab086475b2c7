import { readFileSync, writeSync } from 'node:fs';
import type { Task } from './command/child.ts';
import { DEFECTS } from './defects/defects.ts';
import { putIn } from './defects/hook.ts';
import { run } from './run.ts';

const { plan, defect: name } = JSON.parse(readFileSync(0, 'utf8')) as Task;
const defect = DEFECTS.find((each) => each.name === name);
const isLoaded = defect && putIn(defect);
const outcome = await run(plan);
if (isLoaded?.() === false) throw new Error(`No code has loaded the file of the defect "${name}"`);
writeSync(1, JSON.stringify(outcome));
// What is still planned would never be done.
process.exit();
