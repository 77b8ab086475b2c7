// Durations and times as people write them, for programs that need nothing else of this package.
export { DURATION_FORM, formatDuration, parseDuration } from './duration.ts';
export { parseTime, TIME_FORM } from './time.ts';
