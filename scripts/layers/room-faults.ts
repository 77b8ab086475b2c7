import { posix } from 'node:path';
import { circles } from './circles.ts';
import type { House, Room } from './houses.ts';
import { targets, type Package } from './sources.ts';

const TABLE = 'scripts/layers/houses.ts';

/** Arrows between the rooms of a package that the table does not know, files outside of every room, and circles. */
export function roomFaults(house: House, pack: Package): string[] {
  const { rooms } = house;
  const place = `packages/${pack.folder}/src`;
  const tableFaults = houseFaults(house, place);
  if (tableFaults.length > 0) return tableFaults;

  const files = new Map<string, Set<string>>();
  const arrows = new Map<string, Set<string>>(rooms.map(({ name }) => [name, new Set()]));
  const faults: string[] = [];
  const inhabited = new Set<Room>();
  for (const [file, specifiers] of pack.files) {
    const room = roomOf(rooms, file);
    const imported = specifiers.flatMap((specifier) => targets(pack, file, specifier));
    files.set(file, new Set(imported));
    if (room) inhabited.add(room);
    // Of a flat package all files lie side by side.
    else if (rooms.length > 0 || file.includes('/')) faults.push(`${place}/${file} is in no room: ${TABLE} names them`);
    for (const target of imported) {
      const used = roomOf(rooms, target);
      if (!room || !used || room === used) continue;
      arrows.get(room.name)?.add(used.name);
      const why = refusal(rooms, room, used);
      if (why !== undefined) faults.push(`${place}/${file} imports ${target}, and ${why}`);
    }
  }
  return [
    ...faults,
    ...circles(arrows).map((way) => `The rooms ${way.join(' → ')} of ${place} use each other in a circle`),
    ...circles(files).map((way) => `The files ${way.join(' → ')} of ${place} import each other in a circle`),
    ...rooms.flatMap((room) =>
      inhabited.has(room) ? [] : [`${TABLE} names a room ${room.name}, and ${place} has none`],
    ),
    ...unusedArrows(rooms, arrows, inhabited).map(
      (arrow) => `${TABLE} lets ${arrow} in ${place}, and no file needs it`,
    ),
  ];
}

/** Whether a room may use another. The table may name the rooms below it, all of them, or the other may be ground. */
function refusal(rooms: readonly Room[], room: Room, used: Room): string | undefined {
  if (rooms.indexOf(used) < rooms.indexOf(room)) {
    return `${room.name} may not use ${used.name}, which stands above it`;
  }
  if (used.ground || room.uses === 'all' || room.uses.includes(used.name)) return undefined;
  return `${room.name} may not use ${used.name}`;
}

/** An arrow of the table goes down, so there is no circle in it. */
function houseFaults({ rooms }: House, place: string): string[] {
  return rooms.flatMap((room, index) => {
    if (room.uses === 'all') return [];
    const below = new Set(rooms.slice(index + 1).map(({ name }) => name));
    const wrong = room.uses.filter((used) => !below.has(used));
    return wrong.map((used) => `${TABLE} lets ${room.name} use ${used}, which does not stand below it in ${place}`);
  });
}

/** The arrows that the drawing would show and no file needs. */
function unusedArrows(
  rooms: readonly Room[],
  arrows: ReadonlyMap<string, ReadonlySet<string>>,
  inhabited: ReadonlySet<Room>,
): string[] {
  return rooms.flatMap((room) => {
    if (room.uses === 'all' || !inhabited.has(room)) return [];
    return room.uses.filter((used) => !arrows.get(room.name)?.has(used)).map((used) => `${room.name} use ${used}`);
  });
}

/** The room of a file: the file itself, or the folder it lies in. */
function roomOf(rooms: readonly Room[], file: string): Room | undefined {
  return rooms.find(({ name }) => name === file) ?? rooms.find(({ name }) => name === posix.dirname(file));
}
