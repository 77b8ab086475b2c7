// Checks one client: `node check-client.ts TITLE [WORD]`, where TITLE is that of its column, and prints what was found as JSON, by
// the titles of the rows. With a WORD only the rows that have it in their title. A process of its own, because clients and
// handlers that throw end up in `uncaughtException`.
import { CLIENTS } from './clients.ts';
import { SECTIONS } from './sections.ts';

const [title, word = ''] = process.argv.slice(2);
const client = CLIENTS.find((one) => one.title === title);
if (client === undefined) throw new Error(`There is no client ${title}`);

const onStray = (error: unknown): void => {
  process.stderr.write(`${client.title}: ${error instanceof Error ? error.message : String(error)}\n`);
};
process.on('uncaughtException', onStray);
process.on('unhandledRejection', onStray);

const rows = SECTIONS.filter(({ parsers }) => parsers || client.kind === 'client').flatMap((section) => section.rows);
const found: Record<string, string | undefined> = {};
const slow: Promise<void>[] = [];
for (const row of rows.filter((one) => one.title.includes(word))) {
  const check = async (): Promise<void> => {
    found[row.title] = await row.check(client);
  };
  // Only waits, so it goes on beside the others.
  if (row.title.includes('310 seconds')) slow.push(check());
  else await check();
}
await Promise.all(slow);
process.stdout.write(JSON.stringify(found));
process.exit();
