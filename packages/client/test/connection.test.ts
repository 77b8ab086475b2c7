import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { settle } from './scripted-fetch.ts';
import { start } from './subscription-harness.ts';

const happenings = fc.oneof(
  fc.record({ what: fc.constant('pass' as const), ms: fc.nat(70_000) }),
  fc.record({
    what: fc.constant('respond' as const),
    status: fc.constantFrom(200, 200, 204, 401, 404, 503),
  }),
  fc.record({
    what: fc.constantFrom(
      'open',
      'open',
      'send',
      'send',
      'end',
      'break',
      'reconnect',
      'online',
      'sleep',
      'late' as const,
    ),
  }),
  fc.record({ what: fc.constant('close' as const) }),
);

test('whatever happens, there are never two requests at once, and nothing follows the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happenings, { maxLength: 25 }), fc.boolean(), async (list, isOnline) => {
      const callbacks = new Set<() => void>();
      const { server, clock, subscription, states } = start({
        headers: () => ({}),
        idleTimeoutMs: 40_000,
        network: {
          isOnline,
          onOnline(callback) {
            callbacks.add(callback);
            return () => callbacks.delete(callback);
          },
        },
      });
      let endedAfter = Infinity;
      for (const happening of list) {
        await settle();
        const request = server.requests.at(-1);
        if (happening.what === 'pass') clock.advance(happening.ms);
        if (happening.what === 'sleep') clock.sleep(600_000);
        if (happening.what === 'online') for (const callback of callbacks) callback();
        if (happening.what === 'respond') {
          request?.respond({
            status: happening.status,
            headers: new Headers({ 'retry-after': '5' }),
          });
        }
        if (happening.what === 'open') request?.open();
        if (happening.what === 'late') server.requests[0]?.open();
        if (happening.what === 'break') request?.fail(new Error('refused'));
        if (happening.what === 'reconnect') subscription.reconnect();
        if (happening.what === 'close') subscription.close();
        if (request && !request.init.signal.aborted && subscription.state.phase === 'open') {
          if (happening.what === 'send') request.send('id: 1\ndata: a\n\n');
          if (happening.what === 'end') request.end();
        }
        await settle();

        const { phase } = subscription.state;
        const live = server.requests.filter(({ init }) => !init.signal.aborted);
        expect(live.length).toBe(phase === 'connecting' || phase === 'open' ? 1 : 0);
        if (live.length > 0) expect(live[0]).toBe(server.requests.at(-1));
        expect(states.filter((state) => state.phase === 'closed').length).toBe(phase === 'closed' ? 1 : 0);
        if (phase === 'closed') {
          endedAfter = Math.min(endedAfter, server.requests.length);
          expect(states.at(-1)?.phase).toBe('closed');
          expect(clock.pending).toBe(0);
          expect(callbacks.size).toBe(0);
        } else {
          expect(clock.pending).toBe(1);
        }
        expect(server.requests.length).toBeLessThanOrEqual(endedAfter);
      }
      subscription.close();
    }),
    { numRuns: 150 },
  );
});
