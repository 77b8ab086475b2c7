// A log on disk that other processes of the machine use. The arguments are its data folder and the path of a Unix socket.

import { LmdbLog } from '@tidings/lmdb';
import { LogHost } from '@tidings/server/log/remote';
import { obey } from '../servers/commands.ts';

const [, , path = '', socket = ''] = process.argv;
const host = new LogHost(await LmdbLog.open({ path }));
await host.listen(socket);
console.log(socket);
await obey({});
process.exit();
