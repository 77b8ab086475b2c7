// A hub on disk. The argument is its data folder.

import { createServer, Hub } from '@tidings/hub';
import { LmdbLog } from '@tidings/lmdb';
import { serve } from './commands.ts';

const log = await LmdbLog.open({ path: process.argv[2] ?? '' });
const hub = new Hub({ log, keepAliveMs: 0 });
const server = createServer(hub);
// A publisher's connection is idle while other rows are measured.
server.keepAliveTimeout = 600_000;
await serve(server, {});
await hub.close({ windowMs: 0 });
