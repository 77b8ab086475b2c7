import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Defect, DEFECTS } from '../defects/defects.ts';
import { isPlan, type Plan, planOf, type Size } from '../faults/plan.ts';

/** What the command is asked for. */
export interface Options {
  readonly plan: Plan;
  /** How many simulations are run, each with the next seed. */
  readonly runs: number;
  readonly defect: Defect | undefined;
  /** Whether a plan that fails is made smaller, and kept as a case. */
  readonly shrinks: boolean;
  /** Whether the outcome is printed as JSON. */
  readonly isJson: boolean;
  /** Whether only the options are printed. */
  readonly wantsHelp: boolean;
}

export const USAGE = `npm run simulate -- [options]

  --seed N         the seed of everything (default 1)
  --nodes N        the nodes (default 4)
  --stores N       the processes that serve the log (default 2)
  --listeners N    the listeners (default 50)
  --topics N       the topics (default 8, or one for 50 listeners)
  --seconds N      for how long faults happen (default 120)
  --interval MS    the mean time between two events (default 200)
  --runs N         so many simulations, each with the next seed (default 1)
  --plan FILE      a plan, such as one of simulation/cases, in place of the options above
  --defect NAME    puts one of the known mistakes into the code
  --shrink         makes a plan that fails smaller, and keeps it in simulation/cases
  --json           prints the outcome as JSON`;

const NUMBERS = ['seed', 'nodes', 'stores', 'listeners', 'topics', 'seconds', 'interval', 'runs'] as const;

/** @throws {Error} that says what is wrong with the options */
export function readOptions(given: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...given],
    options: {
      ...Object.fromEntries(NUMBERS.map((name) => [name, { type: 'string' as const }])),
      plan: { type: 'string' },
      defect: { type: 'string' },
      shrink: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const texts = values as unknown as Readonly<Record<string, string | undefined>>;
  const number = (name: (typeof NUMBERS)[number], fallback: number): number => {
    const text = texts[name];
    if (text === undefined) return fallback;
    if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
    throw new Error(`The option --${name} is ${text}, but must be a whole number from 1`);
  };
  const listeners = number('listeners', 50);
  const size: Size = {
    seed: number('seed', 1),
    nodes: number('nodes', 4),
    stores: number('stores', 2),
    listeners,
    topics: number('topics', Math.max(8, Math.ceil(listeners / 50))),
    seconds: number('seconds', 120),
    meanMs: number('interval', 200),
  };
  return {
    plan: values.plan === undefined ? planOf(size) : readPlan(values.plan),
    runs: number('runs', 1),
    defect: defectOf(values.defect),
    shrinks: values.shrink,
    isJson: values.json,
    wantsHelp: values.help,
  };
}

/** @throws {Error} that says why the file cannot be read, or is none of a plan */
function readPlan(path: string): Plan {
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Error(`The file ${path} is no plan: it is no JSON`, { cause: error });
  }
  if (isPlan(found)) return found;
  throw new Error(
    `The file ${path} is no plan: it needs the seed, the sizes and the faults that those in simulation/cases have`,
  );
}

function defectOf(name: string | undefined): Defect | undefined {
  if (name === undefined) return undefined;
  const found = DEFECTS.find((defect) => defect.name === name);
  if (found) return found;
  const known = DEFECTS.map((defect) => `  ${defect.name}`).join('\n');
  throw new Error(`There is no defect "${name}", only\n${known}`);
}
