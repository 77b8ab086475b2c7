import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, describe, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { HUB_CLUSTERS, hubOptions } from '../../scripts/cluster/cluster.ts';
import { adapt, upstream } from '../../scripts/cluster/nginx.ts';
import { hubArgs, ServerProcess } from '../../scripts/cluster/server-process.ts';
import { programPath } from '../../scripts/debian.mjs';
import { folder } from '../folder.ts';
import { isMissing } from '../missing.ts';

const ROOT = join(import.meta.dirname, '../..');
const COMPOSE = join(ROOT, 'deploy/compose');
const MAIN = join(ROOT, 'packages/cli/dist/main.js');
const KEY = 'a-key-for-the-compose-files';

interface Service {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly networks?: { readonly default: { readonly ipv4_address: string } };
}

interface Compose {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly configs: { readonly hubs: { readonly content: string } };
  readonly networks: { readonly default: { readonly ipam: { readonly config: readonly { subnet: string }[] } } };
  readonly volumes: Readonly<Record<string, unknown>>;
}

const read = (kind: string): Compose =>
  parse(readFileSync(join(COMPOSE, `${kind}.yaml`), 'utf8'), { merge: true, strict: true }) as Compose;

const hubsOf = ({ services }: Compose): [string, Service][] =>
  Object.entries(services).filter(([name]) => name.startsWith('hub-'));

/** What a hub of a compose file would run with: the names of options and their values. */
function configuration(args: readonly string[], env: Readonly<Record<string, string>>): Map<string, string> {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args, '--print-config'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return new Map(
    stdout
      .trim()
      .split('\n')
      .filter((line) => !line.endsWith('# default'))
      .map((line) => /^([^:]+): +(.*?) +#/.exec(line)!.slice(1) as [string, string]),
  );
}

/** The environment with what the shell fills in. */
function filled(environment: Readonly<Record<string, string>>): Record<string, string> {
  const fill = (value: string): string =>
    value.replaceAll(/\$\{(\w+):([?-])([^}]*)\}/g, (_, name: string, kind: string, text: string) =>
      kind === '-' ? text : name === 'TIDINGS_KEY' ? KEY : '',
    );
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, fill(value)]));
}

describe.each(HUB_CLUSTERS)('deploy/compose/%s.yaml', (kind) => {
  const compose = read(kind);

  test('starts its hubs with options that the command takes, the same that the tests start them with', () => {
    const [[, { command = [], environment = {} }], ...others] = hubsOf(compose) as [
      [string, Service],
      ...[string, Service][],
    ];
    for (const [, hub] of others) expect([hub.command, hub.environment]).toEqual([command, environment]);
    const env = filled(environment);
    const found = configuration(command, env);
    for (const name of Object.keys(env)) {
      expect([...found.keys()]).toContain(name.replace('TIDINGS_', '').toLowerCase().replaceAll('_', '-'));
    }
    const place = kind === 'workers' ? ['--data', '/data'] : ['--log', env['TIDINGS_LOG']!];
    const ours = configuration(['serve', ...place, ...hubOptions(kind, 'http://127.0.0.1:8080/')], {});
    // In containers hubs are reached by others, and need a key.
    expect([...found.keys()].toSorted()).toEqual(
      [...ours.keys()]
        .filter((name) => name !== 'anonymous')
        .concat('host', 'key')
        .toSorted(),
    );
    for (const name of ['log', 'workers', 'data', 'public-url']) expect(found.get(name)).toBe(ours.get(name));
    const check = spawnSync(process.execPath, [MAIN, ...command, '--check'], { encoding: 'utf8', env });
    expect({ status: check.status, stderr: check.stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('leads nginx to its hubs, which trust it, and names what is there', () => {
    const hubs = hubsOf(compose);
    const { nginx } = compose.services;
    expect(compose.configs.hubs.content).toBe(upstream(hubs.map(([name]) => `${name}:4000`)));
    expect(hubs).toHaveLength(kind === 'workers' ? 1 : 2);
    const addresses = Object.values(compose.services).flatMap(({ networks }) => networks?.default.ipv4_address ?? []);
    // One that is not fixed would be the first that is free, which may be that of another.
    expect(new Set(addresses).size).toBe(Object.keys(compose.services).length);
    for (const [, { environment }] of hubs) {
      expect(environment!['TIDINGS_TRUSTED_PROXIES']).toBe(nginx!.networks!.default.ipv4_address);
    }
    for (const { volumes = [], depends_on: needed = {} } of Object.values(compose.services)) {
      for (const name of Object.keys(needed)) expect(compose.services[name]?.healthcheck).toBeDefined();
      for (const volume of volumes) {
        const [source = ''] = volume.split(':');
        if (source.startsWith('.')) expect(existsSync(join(COMPOSE, source))).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
      }
    }
  });
});

test('no compose file uses the volumes, containers or addresses of another', () => {
  const files = HUB_CLUSTERS.map((kind) => read(kind));
  // Without a name all of them would have that of their folder.
  expect(files.map(({ name }) => name)).toEqual(HUB_CLUSTERS.map((kind) => `tidings-${kind}`));
  const subnets = files.map(({ networks }) => networks.default.ipam.config[0]!.subnet);
  expect(new Set(subnets).size).toBe(files.length);
  for (const [index, { services }] of files.entries()) {
    const net = subnets[index]!.replace(/0\/24$/, '');
    for (const { networks } of Object.values(services)) expect(networks?.default.ipv4_address).toContain(net);
  }
});

test('the nginx.conf of the compose files is the one of deploy, without TLS and with the hubs in a file of their own', () => {
  const rules = (text: string): string => text.replaceAll(/^#.*\n/gm, '').trim();
  const expected = adapt('nginx.conf', {
    'upstream tidings {\n  server 127.0.0.1:4000;\n  keepalive 64;\n}': 'include /etc/nginx/hubs.conf;',
    'listen 443 ssl http2;': 'listen 80;',
    '  server_name hub.example.org;\n': '',
    '  ssl_certificate /etc/ssl/certs/hub.example.org.pem;\n': '',
    '  ssl_certificate_key /etc/ssl/private/hub.example.org.key;\n': '',
  });
  expect(rules(readFileSync(join(COMPOSE, 'nginx.conf'), 'utf8'))).toBe(rules(expected));
});

test('the image has every package that is published, as the README packs them', () => {
  const packed = (file: string): string[] =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/-w (packages\/\w+)/g)].map(([, name]) => name!);
  expect(packed('deploy/compose/Dockerfile')).toEqual(packed('README.md'));
});

test('the health check of a hub tells whether it is there', async () => {
  const [[, { healthcheck }]] = hubsOf(read('workers')) as [[string, Service]];
  const [, program, flag, code] = healthcheck!.test;
  expect([program, flag]).toEqual(['node', '-e']);
  const hub = await ServerProcess.start({ args: hubArgs('--memory') });
  onTestFinished(() => hub.kill());
  const own = code!.replace('4000', String(hub.port));
  expect(spawnSync(process.execPath, ['-e', own]).status).toBe(0);
  await hub.kill();
  expect(spawnSync(process.execPath, ['-e', own]).status).toBe(1);
});

test.skipIf(isMissing('postgresql'))('the health check of PostgreSQL is a command that is understood', () => {
  const [, program, ...args] = read('postgres').services['postgres']!.healthcheck!.test;
  const path = join(dirname(realpathSync(programPath('postgresql'))), program!);
  // 2: there is no server; 3: the command is wrong.
  expect(spawnSync(path, [...args, '--port=1']).status).toBe(2);
  expect(spawnSync(path, [...args, '--prot=1']).status).toBe(3);
});

test.skipIf(isMissing('nats-server'))('nats-server knows its options', () => {
  const { command = [] } = read('nats').services['nats']!;
  const place = folder({ 'server.conf': 'debug: false\n' });
  const check = (args: readonly string[]): string =>
    spawnSync(programPath('nats-server'), ['-t', '-c', join(place, 'server.conf'), ...args], { encoding: 'utf8' })
      .stderr;
  expect(check(command)).toContain('is valid');
  expect(check([...command, '--jetsteam'])).toContain('not defined');
});
