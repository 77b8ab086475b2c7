import type { NodeRequest, NodeResponse } from '@tidings/server/node';

/** Answers one request. A rejection is written to standard error. */
export type Answer = (request: NodeRequest, response: NodeResponse) => Promise<void> | void;

/** One of the systems: what it serves below its own folder, by paths relative to it. */
export interface Example {
  /** The name of its folder. */
  readonly name: string;
  /** HTML files of the folder by the paths at which they are served; the one at `''` is the example's page. */
  readonly pages: Readonly<Record<string, string>>;
  readonly streams: Readonly<Record<string, Answer>>;
  /** What answers every other path; `page` is the one at `''`. @default a text that there is nothing, with status 404 */
  readonly otherwise?: Answer | 'page';
}
