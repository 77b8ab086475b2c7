import { IDS, RECONNECTING } from './connection.ts';
import { FEATURES, SILENCE } from './features.ts';
import { FORMAT } from './format.ts';
import type { Row } from './row.ts';

export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
  /** Whether clients that only read the format are checked, too. */
  readonly parsers: boolean;
}

export const SECTIONS: readonly Section[] = [
  { title: 'The format', rows: FORMAT, parsers: true },
  { title: 'The position in the stream', rows: IDS, parsers: false },
  { title: 'Reconnecting', rows: RECONNECTING, parsers: false },
  { title: 'Features', rows: [...FEATURES, SILENCE], parsers: false },
];
