import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The workshop. */
export const ROOT: string = join(import.meta.dirname, '../..');

/** A table in Markdown. */
export function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The installed version of an npm package. */
export function versionOf(name: string): string {
  const manifest = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Puts what a command found into a page (a path from the workshop), in place of what it found before. */
export function writePage(path: string, command: string, content: string): void {
  const file = join(ROOT, path);
  const page = readFileSync(file, 'utf8');
  const marks = [`<!-- what ${command} found -->`, '<!-- end -->'] as const;
  const [start, end] = marks.map((mark) => page.indexOf(mark));
  if (start === undefined || end === undefined || start < 0 || end < start) {
    throw new Error(`${path} needs the lines ${marks.join(' and ')}`);
  }
  writeFileSync(file, `${page.slice(0, start + marks[0].length)}\n\n${content}\n\n${page.slice(end)}`);
}
