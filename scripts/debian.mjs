import { CommandError, run } from './command.mjs';
import { findOnMachine } from './paths.mjs';
import { step } from './step.mjs';

/** What the tests need from the machine, each by the programs of which any will do and the Debian package that has one. */
const PROGRAMS = [
  { name: 'curl', programs: ['curl'], debian: 'curl' },
  { name: 'chromium', programs: ['chromium', 'chromium-browser', 'google-chrome'], debian: 'chromium' },
  { name: 'firefox', programs: ['firefox-esr', 'firefox'], debian: 'firefox-esr' },
];

/**
 * Installs the programs that are missing, where this is a Debian on which we may.
 *
 * @returns {Promise<string[]>} the names of those that are missing still
 */
export async function ensurePrograms() {
  const wanted = PROGRAMS.filter(isMissing);
  const mayInstall = findOnMachine(['apt-get']) !== undefined && process.getuid?.() === 0;
  if (wanted.length > 0 && mayInstall) {
    await aptGet('Reading the package lists', ['update']);
    for (const { debian } of wanted) {
      await aptGet(`Installing ${debian}`, ['install', '--yes', '--no-install-recommends', debian]);
    }
  }
  return wanted.filter(isMissing).map(({ name }) => name);
}

/** @param {{ programs: string[] }} program */
function isMissing({ programs }) {
  return findOnMachine(programs) === undefined;
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
    // Not the end: what is missing afterwards is told, and only a CI must have everything.
    if (!(error instanceof CommandError)) throw error;
    console.error(`${error.output.trim()}\n${error.message}`);
  }
}
