import { expect, onTestFinished, test } from 'vitest';
import { isMissing } from '../../../test/missing.ts';
import { NatsServer, Way } from './nats-server.ts';
import { newName, openLog } from './rig.ts';

test.skipIf(isMissing('nats-server'))(
  'a value that one node has set is found and listed by another that hears of it late',
  async () => {
    const server = await NatsServer.start();
    onTestFinished(() => server.end());
    const way = await Way.to(server.port);
    onTestFinished(() => way.close());
    const name = newName();
    const one = await openLog({ servers: server.url, name });
    const other = await openLog({ servers: way.url, name });
    way.hold();
    await one.values.set('a', '1');
    const [found, listed] = [other.values.get('a'), other.values.list('a')];
    way.goOn();
    expect(await found).toBe('1');
    expect(await listed).toEqual([{ name: 'a', value: '1' }]);
  },
);
