import { expect, test } from 'vitest';
import { inheritedSockets } from '../src/sockets/inherited.ts';

test('sockets that were handed over to this process begin at descriptor 3 and have names', () => {
  const env = { LISTEN_PID: '42', LISTEN_FDS: '3', LISTEN_FDNAMES: 'web:local' };
  expect(inheritedSockets(env, 42)).toEqual([
    { fd: 3, name: 'web' },
    { fd: 4, name: 'local' },
    { fd: 5, name: 'without a name' },
  ]);
  expect(inheritedSockets(env, 43)).toEqual([]);
  expect(inheritedSockets({}, 42)).toEqual([]);
});

test.each(['', '0', '-1', '1e3', '65', '1 '])('LISTEN_FDS=%j is refused', (count) => {
  expect(() => inheritedSockets({ LISTEN_PID: '42', LISTEN_FDS: count }, 42)).toThrow(
    `LISTEN_FDS is ${JSON.stringify(count)}, but must be a whole number from 1 to 64`,
  );
});
