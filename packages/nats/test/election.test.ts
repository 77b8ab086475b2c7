import { expect, onTestFinished, test } from 'vitest';
import { isMissing } from '../../../test/missing.ts';
import { NatsServer, Way } from './nats-server.ts';
import { event, manage, newName, openLog } from './rig.ts';

test.skipIf(isMissing('nats-server'))(
  'a node that is opened while the servers of a cluster agree on a leader waits for that',
  async () => {
    const servers = await NatsServer.cluster();
    onTestFinished(async () => void (await Promise.all(servers.map((one) => one.end()))));
    const options = { name: newName(), replicas: 3, onError: () => {} } as const;
    await (await openLog({ ...options, servers: servers[0]!.url })).append([event('a')]);
    const { streams } = await manage(servers[0]!.url);
    const { cluster } = await streams.info(`KV_${options.name}-snapshots`);
    const leader = servers[Number(cluster?.leader?.slice(1))]!;
    const way = await Way.to(servers.find((one) => one !== leader)!.port);
    onTestFinished(() => way.close());
    way.before(`$KV.${options.name}-snapshots.check`, () => leader.kill());
    const log = await openLog({ ...options, servers: way.url });
    expect(await log.append([event('a')])).toMatchObject({ repeated: false });
  },
  60_000,
);
