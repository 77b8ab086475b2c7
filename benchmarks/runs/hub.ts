// A hub on disk. The arguments are its data folder and its port, which are the same when it is started again.

import { once } from 'node:events';
import { createServer, Hub } from '@tidings/hub';
import { LmdbLog } from '@tidings/lmdb';
import { obey } from '../servers/commands.ts';

const [, , path = '', port = ''] = process.argv;
const hub = new Hub({ log: await LmdbLog.open({ path }) });
const server = createServer(hub, { maxConnectionsPerAddress: 100_000 });
await once(server.listen(Number(port), '127.0.0.1'), 'listening');
console.log(port);
await obey({});
process.exit();
