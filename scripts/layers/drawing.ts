import type { House, Houses, Room } from './houses.ts';

/** Between these two lines of a page stands the drawing. */
const BEGIN = '<!-- The drawing below is made by `npm run layers -- --write` from scripts/layers/houses.ts -->';
const END = '<!-- The end of the drawing -->';

interface Row {
  readonly name: string;
  readonly purpose: string;
  readonly arrows: string;
  /** Rows of one floor stand side by side: none of them uses another. The ground is 0. */
  readonly floor: number;
}

/** The page with the drawing of these houses in it. */
export function withDrawing(page: string, houses: Houses): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`The page has no place for the drawing, from ${BEGIN} to ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${drawing(houses)}\n${page.slice(end)}`;
}

function drawing(houses: Houses): string {
  const withRooms = Object.entries(houses).filter(([, { rooms }]) => rooms.length > 0);
  const street = { title: 'packages', rows: packageRows(houses) };
  const inside = withRooms.map(([folder, house]) => ({ title: `packages/${folder}/src`, rows: roomRows(house) }));
  const all = [street, ...inside];
  const widths = (['name', 'purpose', 'arrows'] as const).map((column) =>
    Math.max(...all.flatMap(({ rows }) => rows.map((row) => row[column].length))),
  );
  return all.map(({ title, rows }) => `\`\`\`text\n${title}\n${building(rows, widths)}\n\`\`\`\n`).join('\n');
}

/** Draws rows as the floors of a building, the highest first. */
function building(rows: readonly Row[], widths: readonly number[]): string {
  const line = (left: string, between: string, right: string, dash: string): string =>
    left + widths.map((width) => dash.repeat(width + 2)).join(between) + right;
  const lines: string[] = [];
  let above: number | undefined;
  for (const { name, purpose, arrows: uses, floor } of rows.toSorted((a, b) => b.floor - a.floor)) {
    if (above === undefined) lines.push(line('┌', '┬', '┐', '─'));
    else if (floor < above) lines.push(floor === 0 ? line('╞', '╪', '╡', '═') : line('├', '┼', '┤', '─'));
    const cells = [name, purpose, uses].map((cell, column) => ` ${cell.padEnd(widths[column] ?? 0)} `);
    lines.push(`│${cells.join('│')}│`);
    above = floor;
  }
  return [...lines, line('└', '┴', '┘', '─')].join('\n');
}

function packageRows(houses: Houses): Row[] {
  const floors = new Map<string, number>();
  const rows: Row[] = [];
  for (const [name, { purpose, mayUse }] of Object.entries(houses).toReversed()) {
    const floor = Math.max(-1, ...mayUse.map((used) => floors.get(used) ?? 0)) + 1;
    floors.set(name, floor);
    rows.unshift({ name, purpose, arrows: arrowsTo(mayUse), floor });
  }
  return rows;
}

function roomRows({ rooms }: House): Row[] {
  const floors = new Map<string, number>();
  const rows: Row[] = [];
  for (const room of rooms.toReversed()) {
    const floor = floorOf(room, floors);
    // Entries stand side by side on the top floor.
    if (room.uses !== 'all') floors.set(room.name, floor);
    rows.unshift({ name: label(room), purpose: room.purpose, arrows: arrows(room), floor });
  }
  return rows;
}

/** One above the highest room that it uses. */
function floorOf({ uses, ground }: Room, floors: ReadonlyMap<string, number>): number {
  if (ground) return 0;
  const used = uses === 'all' ? [...floors.values()] : uses.map((name) => floors.get(name) ?? 0);
  return Math.max(0, ...used) + 1;
}

function arrows({ uses, ground }: Room): string {
  if (ground) return 'used by every room';
  return uses === 'all' ? '↓ every room' : arrowsTo(uses);
}

function arrowsTo(names: readonly string[]): string {
  return names.length === 0 ? '' : `↓ ${names.join(' ')}`;
}

function label({ name }: Room): string {
  return name.endsWith('.ts') ? name : `${name}/`;
}
