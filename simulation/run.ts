import type { Plan } from './faults/plan.ts';
import type { Outcome } from './outcome.ts';
import { SimulatedClock } from './scheduler/clock.ts';
import { simulateGlobals } from './scheduler/globals.ts';
import { Random } from './scheduler/random.ts';
import { Scheduler } from './scheduler/scheduler.ts';

/** Runs a plan in this process, of which it takes time, chance and sockets over for good. */
export async function run(plan: Plan): Promise<Outcome> {
  let crash: (what: string, error: unknown) => void = () => {};
  const scheduler = new Scheduler((error, process) => crash(process?.name ?? 'the world', error));
  const random = new Random(plan.seed, 'machines');
  const clock = new SimulatedClock(scheduler, new Random(plan.seed, 'clients'));
  const surroundings = { scheduler, random, crash: (what: string, error: unknown): void => crash(what, error) };
  process.on('uncaughtException', (error) => crash(scheduler.current?.name ?? 'a client', error));
  process.on('unhandledRejection', (error) => crash(scheduler.current?.name ?? 'a client', error));
  let connect: (path: string) => unknown = () => undefined;
  const loaded = simulateGlobals(scheduler, clock, random, (path) => connect(path));
  const { Sockets } = await import('./store/sockets.ts');
  const { World } = await import('./world.ts');
  loaded();
  const sockets = new Sockets(surroundings);
  ({ connect } = sockets);
  const world = new World(plan, { scheduler, clock, random, sockets, surroundings });
  crash = (who, error) =>
    world.find('crash', who, error instanceof Error ? (error.stack ?? error.message) : String(error));
  return await world.run();
}
