import type { SharedPlaces } from '@tidings/server/live';
import type { HubLimits } from '../limits.ts';
import type { CountedName, Processes } from './processes.ts';

type PlaceLimits = Pick<HubLimits, 'maxListeners' | 'maxListenersPerAddress'>;

/** Counts the listeners of all processes together; undefined if there is only this one. */
export function sharedPlaces(processes: Processes, limits: PlaceLimits): SharedPlaces | undefined {
  if (processes.isAlone) return undefined;
  const counted = (key: string | undefined): readonly CountedName[] => [
    { kind: 'listeners', most: limits.maxListeners },
    ...(key === undefined ? [] : [{ kind: 'listeners of', name: key, most: limits.maxListenersPerAddress }]),
  ];
  return {
    async take(key) {
      const full = await processes.take(...counted(key));
      return full === undefined ? undefined : full === 0 ? 'full' : 'full-for-key';
    },
    add: (key) => processes.add(...counted(key)),
    free: (key) => processes.free(...counted(key)),
  };
}
