const ROOMS = ['kitchen', 'cellar', 'attic', 'garage', 'hall', 'study'];

/**
 * The data of small JSON events, about 100 bytes, no two alike and always the same sequence: what a compressor meets, which repeated
 * data would flatter. It has no space in it, and ends as all data here does.
 */
export function reading(seq: number): string {
  // A linear congruential generator: no chance in it, and no pattern that DEFLATE could find
  const chance = (Math.imul(seq, 1_664_525) + 1_013_904_223) >>> 0;
  const data = {
    sensor: `${ROOMS[chance % ROOMS.length]}/${chance % 40}`,
    celsius: 15 + ((chance >>> 8) % 1_000) / 100,
    humidity: (chance >>> 16) % 100,
    battery: ((chance >>> 12) % 400) / 100,
    at: 1_790_000_000_000 + seq * 250 + (chance % 250),
  };
  return `${JSON.stringify(data)}~`;
}
