// Leases a topic, publishes events to it with the lease, ends it if it is to, and waits to be killed once all are accepted.
// Arguments: the URL of the hub, the topic, the file of the outbox, how many events, and `close` if the last of them closes the topic.

import { argv, stdout } from 'node:process';
import { fileOutbox } from '@tidings/client/file-outbox';
import { Publisher } from '@tidings/client/publisher';

const [, , url = '', topic = '', file = '', count = '', ending] = argv;

const publisher = new Publisher(url, { store: fileOutbox(file), retry: { initialMs: 1, maxMs: 5 } });
const lease = await publisher.lease(topic, { ttl: '1h' });
const events = Array.from({ length: Number(count) }, (_, n) => lease.publish({ data: n }));
if (ending === 'close') events.push(lease.close({ data: 'end' }));
for (const event of events) event.catch(() => {});
await Promise.all(events.map(({ accepted }) => accepted));
stdout.write(`${lease.token}\n`);
