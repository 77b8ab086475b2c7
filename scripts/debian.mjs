import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, run } from './command.mjs';
import { findOnMachine } from './paths.mjs';
import { step } from './step.mjs';

/** What the tests need from the machine, each by the programs of which any will do and the Debian package that has one. */
const PROGRAMS = [
  { name: 'curl', programs: ['curl'], debian: 'curl' },
  // Its HTTP client sends the whole body before it reads.
  { name: 'python3', programs: ['python3'], debian: 'python3' },
  { name: 'chromium', programs: ['chromium', 'chromium-browser', 'google-chrome'], debian: 'chromium' },
  { name: 'firefox', programs: ['firefox-esr', 'firefox'], debian: 'firefox-esr' },
  // The one with HTTP/2 that brings the fewest other packages.
  { name: 'nginx', programs: ['nginx'], debian: 'nginx' },
  { name: 'caddy', programs: ['caddy'], debian: 'caddy' },
  { name: 'haproxy', programs: ['haproxy'], debian: 'haproxy' },
  // The program and its modules, without a service.
  { name: 'apache2', programs: ['apache2'], debian: 'apache2-bin' },
  // Makes the certificates that HTTP/2 needs in browsers.
  { name: 'openssl', programs: ['openssl'], debian: 'openssl' },
  // `promtool` checks metrics and configurations. The package has the server, too.
  { name: 'promtool', programs: ['promtool'], debian: 'prometheus' },
  // Tests run a server of their own with it, and leave that of the machine alone.
  { name: 'postgresql', programs: ['postgres'], debian: 'postgresql' },
  // With JetStream: what a hub on many nodes stores its events in.
  { name: 'nats-server', programs: ['nats-server'], debian: 'nats-server' },
  // Stands between a hub and its database, as many have it.
  { name: 'pgbouncer', programs: ['pgbouncer'], debian: 'pgbouncer' },
];

// Where Debian has programs that are not on the PATH of every user, such as nginx, and those of PostgreSQL, by its versions.
const SYSTEM_PROGRAMS = '/usr/sbin';
const POSTGRES_VERSIONS = '/usr/lib/postgresql';

/**
 * Installs the missing programs, if this is a Debian on which the user is root.
 *
 * @param {readonly string[]} [names] the names of those that are needed, of the list above; all if it is left out
 * @returns {Promise<string[]>} the names of the programs that are still missing
 */
export async function ensurePrograms(names = PROGRAMS.map(({ name }) => name)) {
  const wanted = PROGRAMS.filter((program) => names.includes(program.name) && isMissing(program));
  const mayInstall = findOnMachine(['apt-get']) !== undefined && process.getuid?.() === 0;
  if (wanted.length > 0 && mayInstall) {
    await aptGet('Reading the package lists', ['update']);
    for (const { debian } of wanted) {
      await aptGet(`Installing ${debian}`, ['install', '--yes', '--no-install-recommends', debian]);
    }
  }
  return wanted.filter(isMissing).map(({ name }) => name);
}

/**
 * Where a program is that the tests need.
 *
 * @param {string} name its name in the list above
 * @returns {string} its path
 */
export function programPath(name) {
  const program = PROGRAMS.find((one) => one.name === name);
  const path = program && find(program);
  if (path === undefined) throw new Error(`There is no ${name} on this machine`);
  return path;
}

/** @param {{ programs: string[] }} program */
function isMissing(program) {
  return find(program) === undefined;
}

/** @param {{ programs: string[] }} program */
function find({ programs }) {
  const folders = [SYSTEM_PROGRAMS, ...postgresFolders()];
  const paths = programs.flatMap((name) => folders.map((folder) => join(folder, name)));
  return findOnMachine(programs) ?? paths.find((path) => existsSync(path));
}

/** The newest version comes first. */
function postgresFolders() {
  if (!existsSync(POSTGRES_VERSIONS)) return [];
  const versions = readdirSync(POSTGRES_VERSIONS).toSorted((one, other) => Number(other) - Number(one));
  return versions.map((version) => join(POSTGRES_VERSIONS, version, 'bin'));
}

/**
 * @param {string} title
 * @param {string[]} args
 */
async function aptGet(title, args) {
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await step(title, () => run('apt-get', ['--quiet', ...args], { env }));
  } catch (error) {
    // This does not end the script. Missing programs are reported later, and only a CI must have all of them.
    if (!(error instanceof CommandError)) throw error;
    console.error(`${error.output.trim()}\n${error.message}`);
  }
}
