import { expect, test } from 'vitest';
import { GAP_TYPE, HEARTBEAT_TYPE, isOwnType, OWN_TYPE_PREFIX } from '@tidings/wire';

test.each([GAP_TYPE, HEARTBEAT_TYPE, OWN_TYPE_PREFIX, 'tidings-of-tomorrow'])(
  "%s is one of the hub's own types",
  (type) => {
    expect(isOwnType(type)).toBe(true);
  },
);

test.each(['', 'message', 'tidings', 'Tidings-gap', ' tidings-gap', 'x-tidings-gap'])(
  '%j is not one of them',
  (type) => {
    expect(isOwnType(type)).toBe(false);
  },
);
