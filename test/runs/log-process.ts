// A log in memory in a process of its own, on the Unix socket that is its argument. It ends with its parent.

import { MemoryLog } from '@tidings/server/log';
import { LogHost } from '@tidings/server/log/remote';

const host = new LogHost(new MemoryLog());
await host.listen(process.argv[2] ?? '');
process.send?.('listening');
process.on('disconnect', () => process.exit());
