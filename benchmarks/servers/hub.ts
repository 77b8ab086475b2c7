// A hub on disk, in a process as `tidings serve` has it. The argument is its data folder.

import { setFlagsFromString } from 'node:v8';
import { createServer, Hub } from '@tidings/hub';
import { LmdbLog } from '@tidings/lmdb';
import { serve } from './commands.ts';

// The new space does not grow, and one thread collects it.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--no-parallel-scavenge');
const log = await LmdbLog.open({ path: process.argv[2] ?? '' });
// All of its clients have one address.
const hub = new Hub({ log, keepAliveMs: 0 });
const server = createServer(hub, { maxConnectionsPerAddress: 100_000 });
// A publisher's connection is idle while other rows are measured.
server.keepAliveTimeout = 600_000;
await serve(server, {});
await hub.close({ windowMs: 0 });
