const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});
const seconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** The time of an event in the reader's time zone, with the day if that is not today. `now` in milliseconds. */
export function clockText(iso: string, now: number): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  return withDay(time, now, clock);
}

/** A moment to the second in the reader's time zone, with the day if that is not today. Both in milliseconds. */
export function momentText(time: number, now: number): string {
  return withDay(new Date(time), now, seconds);
}

function withDay(time: Date, now: number, format: Intl.DateTimeFormat): string {
  const isToday = time.toDateString() === new Date(now).toDateString();
  return isToday ? format.format(time) : `${day.format(time)} ${format.format(time)}`;
}

/** How long ago something was, in one unit. A time that a fast clock puts into the future is now. */
export function agoText(iso: string, now: number): string {
  const age = now - Date.parse(iso);
  if (Number.isNaN(age)) return '';
  if (age < 5 * SECOND) return 'just now';
  if (age < MINUTE) return `${Math.floor(age / SECOND)} s ago`;
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h ago`;
  return `${Math.floor(age / DAY)} d ago`;
}

/** A count with its noun: "1 event", "2,000 events". */
export function countText(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
