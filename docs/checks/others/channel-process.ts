// A server of an application, with a channel for each form of event, whose log outlives the process:
// `node channel-process.ts PORT FOLDER ORIGIN`. It is asked as a hub is: `GET` and `POST` of `/topics/FORM`.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { LmdbLog } from '@tidings/lmdb';
import { Channel } from '@tidings/server';
import { respond } from '@tidings/server/node';
import { FORMS } from './forms.ts';

const [port, path = '', origin = ''] = process.argv.slice(2);
const log = await LmdbLog.open({ path });
const cors = { origins: [origin], credentials: true };
const channels = new Map(Object.keys(FORMS).map((topic) => [topic, new Channel({ log, topic, cors })]));

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://channel');
  const channel = channels.get(pathname.replace('/topics/', ''));
  const answer = async (): Promise<void> => {
    if (channel === undefined) response.writeHead(404).end();
    else if (request.method !== 'POST') await respond(channel, request, response);
    else {
      const retry = searchParams.get('retry');
      const fields = { event: searchParams.get('type') ?? '', data: await text(request) };
      response.end(await channel.publish(retry === null ? fields : { ...fields, retry: Number(retry) }));
    }
  };
  answer().catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    response.destroy();
  });
});
server.listen(Number(port), '127.0.0.1');
await once(server, 'listening');
process.stdout.write('listening\n');

process.once('SIGTERM', () => {
  const end = async (): Promise<void> => {
    await Promise.all(Array.from(channels.values(), (channel) => channel.drain()));
    await log.close();
    process.exit();
  };
  void end();
});
