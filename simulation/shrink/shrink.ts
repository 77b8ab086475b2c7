import type { Plan } from '../faults/plan.ts';

/**
 * Makes a plan that fails smaller, for as long as it fails: it has fewer faults, nodes, stores, listeners and topics, and is shorter.
 * @param failsAt resolves to when a plan fails, in milliseconds; undefined if it does not
 * @param maxTries how many plans are tried at most
 */
export async function shrink(
  plan: Plan,
  failsAt: (plan: Plan) => Promise<number | undefined>,
  maxTries: number = 200,
): Promise<Plan> {
  let smallest = plan;
  let tries = 0;
  const fails = async (next: Plan): Promise<number | undefined> => {
    if (tries >= maxTries) return undefined;
    tries += 1;
    return await failsAt(next);
  };
  const accepts = async (next: Plan): Promise<boolean> => {
    const at = await fails(next);
    if (at === undefined) return false;
    // What comes after the failure does not matter.
    smallest = { ...next, faults: next.faults.filter((fault) => fault.at <= at) };
    return true;
  };
  /** A shorter time makes other things happen, too: late listeners come sooner. */
  const shorten = async (): Promise<void> => {
    for (let seconds = Math.ceil(smallest.seconds / 2); seconds < smallest.seconds; seconds = Math.ceil(seconds / 2)) {
      if (!(await accepts({ ...smallest, seconds }))) return;
    }
  };
  if (!(await accepts(plan))) return plan;
  for (let before; before !== smallest;) {
    before = smallest;
    await shorten();
    await withFewerFaults(() => smallest, accepts);
    for (const name of ['listeners', 'nodes', 'topics', 'stores'] as const) {
      // Half as many, and then one less at a time.
      for (const less of [(count: number) => Math.ceil(count / 2), (count: number) => count - 1]) {
        for (let count = less(smallest[name]); count >= 1 && count < smallest[name]; count = less(smallest[name])) {
          if (!(await accepts({ ...smallest, [name]: count }))) break;
        }
      }
    }
  }
  return smallest;
}

/** Leaves out parts of the faults, which become smaller (delta debugging: A. Zeller, R. Hildebrandt, 2002). */
async function withFewerFaults(present: () => Plan, accepts: (plan: Plan) => Promise<boolean>): Promise<void> {
  for (let size = Math.ceil(present().faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < present().faults.length;) {
      const plan = present();
      const faults = [...plan.faults.slice(0, from), ...plan.faults.slice(from + size)];
      if (!(await accepts({ ...plan, faults }))) from += size;
    }
  }
}
