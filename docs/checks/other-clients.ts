// Runs other people's clients against a hub and a channel, and writes the tables of docs/other-clients.md:
// `npx node docs/checks/other-clients.ts`, about fifteen minutes, on a Linux with Chromium and Firefox.
// `npx node docs/checks/other-clients.ts WORD` runs the clients that have the word in their title, and only prints the tables.
import { BROWSERS, type BrowserName, startBrowser } from '../../test/browser.ts';
import { listenOnNode, NODE_CLIENTS } from './others/node-clients.ts';
import { PAGE_CLIENTS } from './others/page-clients.ts';
import { Pages } from './others/pages.ts';
import { type Kind, KINDS, Server } from './others/servers.ts';
import { type End, type Listener, runTrial } from './others/trial.ts';
import { table, versionOf, writePage } from './page.ts';

/** What is done to a kind of server, as a column of the tables says it. */
interface Column {
  readonly title: string;
  readonly kind: Kind;
  readonly ends: readonly End[];
}

/** It comes back at once, before anybody tries, and the second time only after everybody has tried in vain. */
const KILLS: readonly End[] = [
  { signal: 'SIGKILL', awayMs: 0 },
  { signal: 'SIGKILL', awayMs: 8_000 },
];

const COLUMNS: readonly Column[] = [
  ...KINDS.map((kind): Column => ({ title: kind === 'Channel' ? kind : `\`${kind}\``, kind, ends: KILLS })),
  { title: '`hub`, SIGTERM', kind: 'hub', ends: [{ signal: 'SIGTERM', awayMs: 0 }] },
];

/** Longer than any client waits that comes back at all, in milliseconds. */
const WAIT_MS = 25_000;

const [word = ''] = process.argv.slice(2);
const pageClients = PAGE_CLIENTS.filter(({ title }) => title.includes(word));
const nodeClients = NODE_CLIENTS.filter(({ title }) => title.includes(word));
const versions = new Map<string, string>();

// One after the other: a machine that is busy makes clients late.
const onPages = new Map<BrowserName, readonly ReadonlyMap<string, string>[]>();
for (const name of BROWSERS) {
  const found: ReadonlyMap<string, string>[] = [];
  for (const column of COLUMNS) found.push(await tryPages(name, column));
  onPages.set(name, found);
}
const onNode: ReadonlyMap<string, string>[] = [];
for (const column of COLUMNS) onNode.push(await tryNode(column));

const report = [heading(), pagesTable(), nodeTable()].join('\n\n');
if (word === '') writePage('docs/other-clients.md', 'docs/checks/other-clients.ts', report);
else process.stdout.write(`${report}\n`);
process.exit();

async function tryPages(name: BrowserName, { kind, ends }: Column): Promise<ReadonlyMap<string, string>> {
  await using pages = await Pages.start();
  await using server = await Server.start(kind, pages.origin);
  const browser = await startBrowser(name);
  try {
    versions.set(name, await browser.version());
    const listeners: Listener[] = [];
    for (const client of pageClients) listeners.push(await pages.open(browser, client, server));
    return await runTrial(server, listeners, { waitMs: WAIT_MS, ends });
  } finally {
    await browser.close();
  }
}

async function tryNode({ kind, ends }: Column): Promise<ReadonlyMap<string, string>> {
  await using server = await Server.start(kind, 'http://127.0.0.1');
  using stack = new DisposableStack();
  const listeners = nodeClients.map((client) => listenOnNode(client, server, stack));
  return await runTrial(server, listeners, { waitMs: WAIT_MS, ends });
}

function heading(): string {
  const names = [...new Set([...pageClients, ...nodeClients].flatMap(({ packages }) => packages))];
  const list = names.map((name) => `${name} ${versionOf(name)}`).join(', ');
  const date = new Date().toISOString().slice(0, 10);
  return `Found on ${date} with Node ${process.versions.node}, ${[...versions.values()].join(' and ')}: ${list}.`;
}

function pagesTable(): string {
  const head = ['', ...COLUMNS.flatMap(({ title }) => BROWSERS.map((name) => `${title}, ${name}`)), 'what it needs'];
  const lines = pageClients.map(({ title, needs }) => [
    title,
    ...COLUMNS.flatMap((_, index) => BROWSERS.map((name) => onPages.get(name)?.[index]?.get(title) ?? '–')),
    needs,
  ]);
  return `## On pages\n\n${table(head, lines)}`;
}

function nodeTable(): string {
  const head = ['', ...COLUMNS.map(({ title }) => title), 'what it needs'];
  const lines = nodeClients.map(({ title, needs }) => [
    title,
    ...onNode.map((verdicts) => verdicts.get(title) ?? '–'),
    needs,
  ]);
  return `## On Node\n\n${table(head, lines)}`;
}
