import type { ServerScript } from './server-script.ts';
import type { Client } from './scenario-stage.ts';

/** Whose `EventSource` it is: ours on Node, Deno and Bun, ours in a browser, or that of a browser itself. */
const LISTENERS = [
  'ours',
  'ours in a Worker',
  'ours in an edge runtime',
  'ours in Chromium',
  'ours in Firefox',
  'Chromium',
  'Firefox',
] as const;
export type Listener = (typeof LISTENERS)[number];

export const OURS: readonly Listener[] = LISTENERS.filter((listener) => listener.startsWith('ours'));
export const OURS_OUTSIDE_BROWSERS: readonly Listener[] = OURS.filter((listener) => !/Chromium|Firefox/.test(listener));

/** A request that must have come. A header that is null must be absent. */
export interface ExpectedRequest {
  readonly method?: string;
  /** Below the scenario's own folder. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | null>>;
}

export interface Expectation {
  readonly log: readonly string[];
  /** What the server is asked, request by request. Left out where it is not told for sure. */
  readonly requests?: readonly ExpectedRequest[];
}

/** What some listeners do in another way than the standard says, or than we say where the standard is silent. */
export interface Departure extends Partial<Expectation> {
  readonly who: readonly Listener[];
  readonly why: string;
  /** What may be seen as well as `log`, where it is not always the same. */
  readonly orLogs?: readonly (readonly string[])[];
  /** True where how many requests come is not always the same. */
  readonly anyRequests?: boolean;
}

/** A browser tells a script nothing of why a request failed, and neither does a Worker. */
export const OURS_CANNOT_TELL: Departure = {
  who: ['ours in Chromium', 'ours in Firefox', 'ours in a Worker', 'ours in an edge runtime'],
  why: 'a script cannot tell a forbidden response from a network error, so it is asked for again',
  log: ['error 0'],
};

/**
 * A rule of the event stream's client side: what a server does, what a client does, and what is then seen. It runs in
 * every runtime and in browsers, so a client uses nothing but what all of them have.
 */
export interface Scenario extends Expectation {
  /** The numbers of the rules it shows. */
  readonly rules: readonly number[];
  readonly name: string;
  /** The subtests of the web platform's tests that it stands for, as `web-platform-tests.ts` names them. */
  readonly wpt?: readonly string[];
  /** Where it makes sense. Everywhere when absent. */
  readonly where?: 'in browsers' | 'outside browsers';
  /** What the n-th request is answered with. {origin} and {other} are the server's two origins, {path} is its folder. */
  readonly server: readonly ServerScript[];
  readonly client: Client;
  readonly departures?: readonly Departure[];
}

/** What the server wants to be played. */
export interface Agenda {
  readonly implementation: 'ours' | 'native';
  /** The index of each scenario. */
  readonly scenarios: readonly number[];
  /** How many are played at a time. A browser makes at most six connections to an origin. */
  readonly concurrency: number;
  readonly other: string;
  readonly nowhere: string;
}

/** The folder of a scenario on its server. */
export function folderOf(index: number): string {
  return `/s${index}`;
}
