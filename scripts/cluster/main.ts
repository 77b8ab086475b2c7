// Run by `npm run cluster`.
import { parseArgs } from 'node:util';
import { Cluster, CLUSTER_KINDS, type ClusterKind } from './cluster.ts';
import type { ServerProcess } from './server-process.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

// A server that dies again and again must not keep the machine busy.
const RESTART_MS = 1000;

const USAGE = `Runs several servers that share what is published, with nginx in front of them, until Ctrl-C

  npm run cluster <kind> [-- --port <port>]

  postgres   two hubs on PostgreSQL
  nats       two hubs on NATS JetStream
  workers    one hub with two workers
  channel    two servers of the example two-servers, with a channel each, on PostgreSQL

  --port     the port of nginx, 1 to 65535; a free one by default`;

/** Undefined if it is asked what there is. @throws {Error} with a sentence for people, if the command line is wrong */
function asked(): { readonly kind: ClusterKind; readonly port: number | undefined } | undefined {
  const options = { port: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
  const { values, positionals, tokens } = parseArgs({ options, allowPositionals: true, strict: false, tokens: true });
  const unknown = tokens.find((token) => token.kind === 'option' && !Object.hasOwn(options, token.name));
  if (unknown?.kind === 'option') throw new Error(`Found ${unknown.rawName}: allowed are --port and --help`);
  if (values.help === true) return undefined;
  const [name, ...more] = positionals;
  const kind = CLUSTER_KINDS.find((one) => one === name);
  if (kind === undefined || more.length > 0) {
    throw new Error(`Found ${JSON.stringify(positionals.join(' '))}: allowed is one of ${CLUSTER_KINDS.join(', ')}`);
  }
  const { port } = values;
  if (typeof port === 'boolean') throw new Error('Found --port without a number: allowed is one from 1 to 65535');
  if (port !== undefined && !(/^\d+$/.test(port) && Number(port) > 0 && Number(port) < 65_536)) {
    throw new Error(`Found --port ${JSON.stringify(port)}: allowed is a number from 1 to 65535`);
  }
  return { kind, port: port === undefined ? undefined : Number(port) };
}

function describe({ kind, url, servers, store, storeName }: Cluster): string {
  const rows = [
    ['nginx', url],
    ...servers.map((server, index) => [nameOf(kind, index), `${server.url}  process ${server.pid}`]),
    ...(store ? [[storeName, store.url]] : []),
  ];
  const lines = rows.map(([name = '', address = '']) => `  ${name.padEnd(9)} ${address}`);
  const [first] = servers;
  const [listen, publish] = kind === 'channel' ? ['events', 'say'] : ['topics/greetings', 'topics/greetings'];
  return `The cluster (${kind}) is running at ${url}

${lines.join('\n')}

  Listen    curl -N ${url}${listen}
  Publish   curl -d 'Hello' ${url}${publish}
  Kill      kill -9 ${first?.pid}, and it is started again
  End       Ctrl-C, which removes what was stored
`;
}

function nameOf(kind: ClusterKind, index: number): string {
  return `${kind === 'channel' ? 'server' : 'hub'} ${index + 1}`;
}

/** Starts a server again whenever it has ended. */
async function keepRunning(server: ServerProcess, name: string, isOver: () => boolean): Promise<void> {
  for (;;) {
    await server.ended();
    if (isOver()) return;
    await new Promise<void>((resolve) => void setTimeout(resolve, RESTART_MS));
    if (isOver()) return;
    await server.start().catch(() => {});
    if (server.pid !== undefined) console.log(`${name} had ended and runs again as process ${server.pid}`);
  }
}

async function run(): Promise<void> {
  const given = asked();
  if (!given) {
    console.log(USAGE);
    return;
  }
  const { kind, port } = given;
  let isOver = false;
  let signals = 0;
  // From the beginning: what is begun now is to be removed.
  const signal = new Promise<void>((resolve) => {
    for (const name of SIGNALS) {
      process.on(name, () => {
        isOver = true;
        signals += 1;
        // Whoever does not want to wait for the servers.
        if (signals > 1) starting.then((cluster) => cluster.kill()).catch(() => {});
        resolve();
      });
    }
  });
  // A terminal that was closed takes nothing any more, and everything has to be ended all the same.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {});
  const starting = Cluster.start(kind, { ...(port === undefined ? {} : { port }), isForPeople: true });
  const cluster = await starting;
  if (!isOver) {
    console.log(describe(cluster));
    for (const [index, server] of cluster.servers.entries()) {
      void keepRunning(server, nameOf(kind, index), () => isOver);
    }
    void cluster.broken().then((name) => {
      if (!isOver) console.log(`${name} has ended, and is not started again: end the cluster with Ctrl-C`);
    });
  }
  await signal;
  console.log('Ending …');
  await cluster.end();
}

try {
  await run();
} catch (error) {
  console.error(`npm run cluster: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
