// Before each test file: properties are checked with the seed of this run. After it: the platform's own classes are there again, for the next file of the same
// process, if a framework has put others in their place.
import { configureGlobal } from 'fast-check';
import { afterAll } from 'vitest';
import { SEED } from './seed.ts';

configureGlobal({ seed: SEED });

const own = ['Request', 'Response'].map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);

afterAll(() => {
  for (const [name, property] of own) if (property) Object.defineProperty(globalThis, name, property);
});
