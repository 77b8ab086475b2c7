import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take longest, which begin first, so that none of them is left over when all others are done. It is what `npm test` names at its end, on a
 * machine that has run nothing before: from the second run on vitest knows how long each took.
 */
const LONGEST: readonly string[] = [
  'packages/ui/test/page.test.ts',
  'packages/client/test/shared-browsers.test.ts',
  'simulation/test/simulation.test.ts',
  'test/other-clients.test.ts',
  'packages/client/test/scenarios-browsers.test.ts',
  'test/deploy/restart.test.ts',
  'packages/cli/test/mistakes.test.ts',
  'packages/client/test/hostile.test.ts',
];

/** Runs the longest files first, then those with a process of their own, and at last those that share one: they are short, and pack well. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}`));
      if (place >= 0) return place;
      return LONGEST.length + (project.config.isolate ? 0 : 1);
    };
    // oxlint-disable-next-line unicorn/no-array-sort -- it is not that of an array
    const known = await super.sort(files);
    return known.toSorted((one, other) => rank(one) - rank(other));
  }
}
