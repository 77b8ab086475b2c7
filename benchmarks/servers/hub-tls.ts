// A hub over TLS, on disk, in a process as `tidings serve` has it. The argument is its data folder.

import { setFlagsFromString } from 'node:v8';
import { createServer, Hub } from '@tidings/hub';
import { LmdbLog } from '@tidings/lmdb';
import { makeCertificate } from '../parts/certificate.ts';
import { serve } from './commands.ts';

setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--no-parallel-scavenge');
const log = await LmdbLog.open({ path: process.argv[2] ?? '' });
// All of its clients have one address.
const hub = new Hub({ log, keepAliveMs: 0 });
await serve(createServer(hub, { maxConnectionsPerAddress: 100_000, tls: makeCertificate() }), {});
await hub.close({ windowMs: 0 });
