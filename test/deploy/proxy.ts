import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { folder } from '../folder.ts';
import { isMissing } from '../missing.ts';
import { certify, ProxyProcess } from '../proxy/proxy-process.ts';
import { CONFIGURATIONS, type Place } from './configurations.ts';

export const PROXIES = ['nginx', 'Caddy', 'HAProxy', 'Apache'] as const satisfies (keyof typeof CONFIGURATIONS)[];
export type ProxyName = (typeof PROXIES)[number];

/** Whether the program of a proxy, or what makes its certificate, is missing. */
export function lacks(name: ProxyName): boolean {
  return isMissing(CONFIGURATIONS[name].program) || isMissing('openssl');
}

/** A proxy with its configuration from the folder `deploy`, in front of a hub, for the length of one test. */
export interface RunningProxy {
  /** Its origin without TLS. */
  readonly plain: string;
  /** Its origin with TLS. Nobody knows who signed its certificate. */
  readonly tls: string;
}

/**
 * @param hub the port of the hub
 * @param page the origin of another site whose pages may listen
 */
export async function startProxy(
  name: ProxyName,
  hub: number,
  page: string = 'https://app.example.org',
): Promise<RunningProxy> {
  const { program, files, args } = CONFIGURATIONS[name];
  const place = folder({});
  // Apache's processes are those of another user.
  chmodSync(place, 0o755);
  certify(place);
  const both = ['cert.pem', 'key.pem'].map((file) => readFileSync(join(place, file), 'utf8')).join('');
  writeFileSync(join(place, 'both.pem'), both);
  const proxy = await ProxyProcess.start((ports) => {
    const at: Place = { folder: place, hub, page, ...ports };
    for (const [file, text] of Object.entries(files(at))) writeFileSync(join(place, file), text);
    return { program, args: args(at), env: { HOME: place, XDG_CONFIG_HOME: place, XDG_DATA_HOME: place } };
  });
  onTestFinished(() => proxy.kill());
  return { plain: `http://127.0.0.1:${proxy.ports.plain}`, tls: `https://127.0.0.1:${proxy.ports.tls}` };
}
