import { CompiledPatterns, type TopicPattern } from '../pattern.ts';
import { Turns } from './turns.ts';

// Not the turns of a log: searches for events do not wait for patterns, nor patterns for searches.
const compiling = new Turns();

/**
 * Compiles the patterns of a listener, one at a time. All calls together take about 2 milliseconds of each turn of the event loop. Resolves to the
 * same patterns, as objects that all listeners with the same text share: a selection that is made of them finds them compiled, and keeps no text of its
 * own. Rejects with the signal's reason when that is aborted.
 * @throws {ServerError} `ERR_INVALID_PATTERN` as of {@link compilePatterns}
 */
export async function compileInTurns(
  patterns: readonly TopicPattern[],
  signal?: AbortSignal,
): Promise<readonly TopicPattern[]> {
  const left = patterns.values();
  const compiled = new CompiledPatterns([]);
  await compiling.run(
    () => {
      const { value, done } = left.next();
      if (done === true) return true;
      compiled.add(value);
      return compiled.all.length === patterns.length ? true : undefined;
    },
    { signal },
  );
  return compiled.all.map(({ source }) => source);
}
