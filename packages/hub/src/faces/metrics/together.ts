import type { NamedCounts } from '@tidings/server/log/remote';
import type { Family, Sample, Together } from './exposition.ts';

const TOGETHER: Readonly<Record<Together, (one: number, other: number) => number>> = {
  sum: (one, other) => one + other,
  max: (one, other) => Math.max(one, other),
  min: (one, other) => Math.min(one, other),
};

/** What only rises of the numbers of a process, by its name and labels. What is 0 is left out. */
export function countsOf(families: readonly Family[]): NamedCounts {
  const counted = families.filter(({ type }) => type !== 'gauge');
  const samples = counted.flatMap(({ name, samples: each }) =>
    each.map((sample) => [keyOf(name, sample), sample.value]),
  );
  return Object.fromEntries(samples.filter(([, value]) => value !== 0)) as NamedCounts;
}

/**
 * Puts the numbers of several processes together.
 * @param own those of this process, which has all families
 * @param others those of the others
 * @param counts what was counted by those that are gone or silent
 */
export function putTogether(
  own: readonly Family[],
  others: readonly (readonly Family[])[],
  counts: readonly NamedCounts[],
): readonly Family[] {
  const values = new Map<string, number[]>();
  for (const { name, samples } of others.flat()) {
    for (const sample of samples) {
      const key = keyOf(name, sample);
      const known = values.get(key);
      if (known) known.push(sample.value);
      else values.set(key, [sample.value]);
    }
  }
  return own.map((family): Family => {
    const { name, samples, together = 'sum' } = family;
    return {
      ...family,
      samples: samples.map((sample) => {
        const key = keyOf(name, sample);
        const all = [...(values.get(key) ?? []), ...counts.flatMap((each) => each[key] ?? [])];
        return { ...sample, value: all.reduce(TOGETHER[together], sample.value) };
      }),
    };
  });
}

function keyOf(name: string, { suffix = '', labels = {} }: Sample): string {
  return [name + suffix, ...Object.values(labels)].join(' ');
}
