import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { describe, expect, onTestFinished, test } from 'vitest';
import { RestartableHub } from '../end-to-end/hub.ts';
import { lacks, PROXIES, startProxy, type ProxyName, type RunningProxy } from './proxy.ts';

/** Listens. Returns how to leave. */
type Enter = (proxy: RunningProxy) => Promise<() => void>;

const HTTP_1: Enter = async ({ plain }) => {
  const left = new AbortController();
  const { status } = await fetch(`${plain}/topics/a`, { signal: left.signal });
  expect(status).toBe(200);
  return () => left.abort();
};

/** The connection stays for other requests, as that of a browser does. */
const HTTP_2: Enter = async ({ tls }) => {
  const session = connect(tls, { rejectUnauthorized: false });
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': '/topics/a' });
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  expect(head[':status']).toBe(200);
  return () => stream.close();
};

interface Leaving {
  readonly enter: readonly Enter[];
  /** How often the hub sends something. Without it the hub learns from the proxy alone that a listener has left. */
  readonly keepAlive: string;
}

const AT_ONCE: Leaving = { enter: [HTTP_1, HTTP_2], keepAlive: 'none' };

/** Apache speaks HTTP/1.1 alone here, and looks at a client only when it sends it something. */
const LEAVING: Readonly<Record<ProxyName, Leaving>> = {
  nginx: AT_ONCE,
  Caddy: AT_ONCE,
  HAProxy: AT_ONCE,
  Apache: { enter: [HTTP_1], keepAlive: '200ms' },
};

describe.each(PROXIES)('behind %s', (name) => {
  test.skipIf(lacks(name))('a listener that has left is gone at the hub, too', async () => {
    const hub = await RestartableHub.make();
    const proxy = await startProxy(name, hub.port);
    const { enter, keepAlive } = LEAVING[name];
    await hub.start(hub.port, ['--anonymous', 'all', '--keep-alive', keepAlive]);
    const listeners = async (): Promise<number> =>
      ((await (await fetch(`${hub.url}/healthz`)).json()) as { listeners: number }).listeners;
    for (const each of enter) {
      const leave = await each(proxy);
      expect(await listeners()).toBe(1);
      leave();
      await expect.poll(listeners, { timeout: 20_000 }).toBe(0);
    }
  });
});
