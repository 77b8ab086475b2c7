import { NatsServer } from '../../scripts/cluster/nats-server.ts';
import { PostgresServer } from '../../scripts/cluster/postgres-server.ts';
import { dataFolder } from '../parts/folder.ts';
import { ServeCommand } from './serve.ts';

/** Where a log is. */
export interface Store {
  /** A folder, or the URL that `tidings serve --log` takes. */
  readonly place: string;
  stop(): Promise<void>;
}

/** A new store of each kind: a folder, or a server of its own with all of its safety. Its data are in the folder for temporary files. */
const STORES = {
  LMDB: (): Promise<Store> => Promise.resolve({ place: dataFolder(), stop: () => Promise.resolve() }),
  async PostgreSQL(): Promise<Store> {
    const server = await PostgresServer.start({ isSafe: true });
    return { place: server.url, stop: () => server.close() };
  },
  async NATS(): Promise<Store> {
    const server = await NatsServer.start();
    return { place: `${server.url}/tidings`, stop: () => server.end() };
  },
} as const satisfies Readonly<Record<string, () => Promise<Store>>>;

export type StoreName = keyof typeof STORES;

export const STORE_NAMES: readonly StoreName[] = ['LMDB', 'PostgreSQL', 'NATS'];

export function startStore(name: StoreName): Promise<Store> {
  return STORES[name]();
}

/** Hubs on one store; of LMDB one hub with two workers, which are nodes as well. */
export interface Nodes {
  readonly hubs: readonly ServeCommand[];
  stop(): Promise<void>;
}

/** What shares a store, for a table. */
export const NODES_OF: Readonly<Record<StoreName, string>> = {
  LMDB: 'two workers, LMDB',
  PostgreSQL: 'two hubs, PostgreSQL',
  NATS: 'two hubs, NATS',
};

export async function startNodes(name: StoreName): Promise<Nodes> {
  const store = await startStore(name);
  const log = store.place;
  const options = name === 'LMDB' ? [{ log, workers: 2 }] : [{ log }, { log }];
  const hubs: ServeCommand[] = [];
  for (const each of options) hubs.push(await ServeCommand.start(each));
  return {
    hubs,
    async stop() {
      await Promise.all(hubs.map((hub) => hub.stop()));
      await store.stop();
    },
  };
}
