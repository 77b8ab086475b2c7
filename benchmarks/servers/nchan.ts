// nchan in nginx. The argument is the data of its events. This program starts nginx, publishes to it over HTTP, and reports of nginx
// what the other servers report of themselves. If there is no nginx with nchan, it prints why.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Publisher, postRequest } from '../load/publisher.ts';
import { programFolder } from '../parts/folder.ts';
import { obey } from './commands.ts';
import { peakKib, residentKib } from './memory.ts';

const MODULE = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/usr/local/nginx/modules']
  .map((folder) => join(folder, 'ngx_nchan_module.so'))
  .find((file) => existsSync(file));

/** One process, so that its processor time and memory are all there is. What is not named is nchan's and nginx's default. */
function configuration(port: number, folder: string): string {
  return `load_module ${MODULE};
daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile 19000;
pid ${folder}/pid;
error_log stderr crit;
events { worker_connections 19000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  nchan_shared_memory_size 128M;
  nchan_message_buffer_length 1000;
  server {
    listen 127.0.0.1:${port} backlog=65535;
    location = /publish { nchan_publisher; nchan_channel_id channel; client_max_body_size 1m; }
    location = / { nchan_subscriber eventsource; nchan_channel_id channel; nchan_eventsource_ping_interval 0; }
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until nginx accepts a connection, for at most ten seconds. */
async function reach(port: number): Promise<Publisher> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return new Publisher(socket);
    } catch {
      await sleep(100);
    }
  }
  throw new Error('nginx did not start');
}

/** Processor time of nginx so far, microseconds. It has one thread. */
function cpuOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ', 1)[0]) / 1000;
}

async function run(): Promise<void> {
  if (!MODULE) {
    console.log('missing: nginx with the module nchan');
    return;
  }
  const folder = programFolder();
  const port = await freePort();
  writeFileSync(join(folder, 'nginx.conf'), configuration(port, folder));
  const nginx = spawn('nginx', ['-p', folder, '-c', 'nginx.conf'], { stdio: ['ignore', 'ignore', 'ignore'] });
  const exited = new Promise<void>((resolve) => {
    nginx.once('error', () => resolve());
    nginx.once('exit', () => resolve());
  });
  try {
    const publisher = await Promise.race([reach(port), exited]);
    const { pid } = nginx;
    if (!publisher || pid === undefined) {
      console.log('missing: nginx that starts with the module nchan');
      return;
    }
    console.log(port);
    // All of a tick at once: nginx reads them together.
    const publish = (count: number, data = process.argv[2] ?? ''): Promise<string> =>
      publisher.publish(Buffer.concat(Array.from({ length: count }, () => postRequest('/publish', data))), count);
    await obey({
      publish: async (count, data) => void (await publish(Number(count), data)),
      /** Publishes one event, and answers its id. */
      cursor: async () => /last message id: (\S+)/.exec(await publish(1))?.[1] ?? '',
      cpu: () => cpuOf(pid),
      memory: () => residentKib(pid),
      peak: () => peakKib(pid),
    });
    publisher.close();
  } finally {
    nginx.kill('SIGKILL');
    await exited;
  }
}

await run();
process.exit();
