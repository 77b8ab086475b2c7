// Publishes event after event until it is killed, and tells of each that it was accepted. What an earlier life of the outbox has left is published first.
// Arguments: the URL of the hub, the topic, the file of the outbox, the number of this life, and how many events it publishes, or `-` for as many as it can.

import { argv, stdout } from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { fileOutbox } from '@tidings/client/file-outbox';
import { Publisher } from '@tidings/client/publisher';

const [, , url = '', topic = '', file = '', life = '', most = '-'] = argv;

const publisher = new Publisher(url, {
  headers: { 'x-worker': topic },
  store: fileOutbox(file),
  retry: { initialMs: 1, maxMs: 5 },
  maxBatchEvents: 5,
  maxQueuedEvents: 20,
});

const limit = most === '-' ? Infinity : Number(most);
for (let n = 0; n < limit; n++) {
  const publication = publisher.publish(topic, { data: `${life}.${n}` });
  publication.catch(() => {});
  void publication.accepted.then(() => stdout.write(`${n}\n`));
  // Bursts, so that batches have different sizes.
  if (n % 3 === 0) await publication.accepted;
  if (n % 7 === 0) await setImmediate();
}
await publisher.close();
