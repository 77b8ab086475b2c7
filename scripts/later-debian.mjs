import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, run } from './command.mjs';
import { cache, findOnMachine } from './paths.mjs';
import { step } from './step.mjs';

/** What is tested in its newest version, too: the stable Debian has it older by years. Each needs nothing but the C library. */
const PROGRAMS = [{ name: 'nats-server-newest', debian: 'nats-server', program: 'usr/sbin/nats-server' }];

/** The suite of Debian that gets new versions first. */
const SUITE = 'sid';

const folder = join(cache, 'later-debian');

/**
 * Where such a program is, whether or not it is there. It lies beside the dependencies: nothing of the machine is replaced by it.
 *
 * @param {string} name its name in the list above
 */
export function laterPath(name) {
  const found = PROGRAMS.find((one) => one.name === name);
  return join(folder, name, found?.program ?? '');
}

/**
 * Fetches the programs that are not there yet, if this is a Debian. Its own lists of packages stay as they are.
 *
 * @returns {Promise<string[]>} the names of the programs that are still missing
 */
export async function ensureLater() {
  const wanted = PROGRAMS.filter(isMissing);
  if (wanted.length > 0 && findOnMachine(['apt-get']) !== undefined) {
    try {
      await step('Fetching what a later Debian has', async () => {
        const options = await laterLists();
        for (const { name, debian } of wanted) await unpack(debian, join(folder, name), options);
      });
    } catch (error) {
      // This does not end the script. Missing programs are reported later, and only a CI must have all of them.
      if (!(error instanceof CommandError)) throw error;
      console.error(`${error.output.trim()}\n${error.message}`);
    }
  }
  return wanted.filter(isMissing).map(({ name }) => name);
}

/** Reads the lists of the later suite, from where this Debian has its own. @returns {Promise<string[]>} the options with which apt uses them */
async function laterLists() {
  // Which address is Debian's is known when its lists have been read.
  if (address() === undefined) await run('apt-get', ['--quiet', 'update']);
  const from = address();
  if (from === undefined) throw new CommandError('The packages of Debian are not among those of this machine', '');
  const sources = join(folder, 'sources.list');
  const lists = join(folder, 'lists');
  for (const made of [lists, join(folder, 'archives')]) mkdirSync(join(made, 'partial'), { recursive: true });
  writeFileSync(sources, `deb ${from} ${SUITE} main\n`);
  const settings = {
    'Dir::Etc::SourceList': sources,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': lists,
    'Dir::Cache': folder,
    // It is this user who may write there.
    'APT::Sandbox::User': 'root',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  await run('apt-get', ['--quiet', ...options, 'update']);
  return options;
}

/** Where the packages of Debian come from. Undefined if no lists have been read. */
function address() {
  const asked = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Origin: Debian', 'Label: Debian'];
  return execFileSync('apt-get', asked, { encoding: 'utf8' }).split('\n').find(Boolean);
}

/**
 * Fetches a package and unpacks it, without installing it.
 *
 * @param {string} debian
 * @param {string} place
 * @param {readonly string[]} options
 */
async function unpack(debian, place, options) {
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  await run('apt-get', ['--quiet', ...options, 'download', debian], { cwd: place });
  const [file = ''] = readdirSync(place);
  await run('dpkg-deb', ['--extract', join(place, file), place]);
  rmSync(join(place, file));
}

/** Whether it is not there, or does not run here. @param {{ name: string }} program */
function isMissing({ name }) {
  return spawnSync(laterPath(name), ['--version']).status !== 0;
}
