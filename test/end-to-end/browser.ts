import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { launch, type Browser } from 'puppeteer-core';
import { onTestFinished } from 'vitest';

const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const PROGRAMS = {
  chromium: { names: ['chromium', 'chromium-browser', 'google-chrome'], browser: 'chrome', args: CHROMIUM_ARGS },
  firefox: { names: ['firefox-esr', 'firefox'], browser: 'firefox', args: [] },
} as const;

export type BrowserName = keyof typeof PROGRAMS;

/** Whether the gate has said that this machine has not got the program, and so what needs it is not tested. */
export function isMissing(name: string): boolean {
  return (process.env['TIDINGS_MISSING'] ?? '').split(',').includes(name);
}

/** Starts a browser for the length of one test. */
export async function startBrowser(name: BrowserName): Promise<Browser> {
  const { names, browser, args } = PROGRAMS[name];
  const executablePath = find(names);
  if (executablePath === undefined) throw new Error(`There is no ${names.join(' or ')} on the PATH`);
  const started = await launch({ browser, executablePath, args: [...args] });
  onTestFinished(() => started.close());
  return started;
}

function find(names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':');
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
