// The process of a RemoteStore. It keeps logs in memory, serves each on a port of its own, and is told over IPC what to do.
import { StoreServer, type StoreOptions } from './store-server.ts';

/** What is asked of the process. Each message is answered with its number, and a value where there is one. */
export type StoreCommand =
  | { readonly do: 'open'; readonly options: StoreOptions }
  | { readonly do: 'advance'; readonly port: number; readonly ms: number }
  | { readonly do: 'hold'; readonly port: number; readonly client: string; readonly isHeld: boolean }
  | { readonly do: 'trim'; readonly port: number; readonly through: number }
  | { readonly do: 'cut' | 'begin epoch' | 'close'; readonly port: number };

const stores = new Map<number, StoreServer>();

async function run(command: StoreCommand): Promise<unknown> {
  if (command.do === 'open') {
    const opened = await StoreServer.listen(command.options);
    stores.set(opened.port, opened);
    return opened.port;
  }
  const store = stores.get(command.port);
  if (!store) return undefined;
  switch (command.do) {
    case 'advance':
      return store.advance(command.ms);
    case 'hold':
      return store.hold(command.client, command.isHeld);
    case 'trim':
      return await store.trim(command.through);
    case 'cut':
      return store.cut();
    case 'begin epoch':
      return await store.beginEpoch();
    case 'close':
      stores.delete(command.port);
      return await store.close();
  }
}

process.on('message', ({ number, command }: { number: number; command: StoreCommand }) => {
  void run(command).then((value) => process.send?.({ number, value }));
});
process.on('disconnect', () => process.exit());
