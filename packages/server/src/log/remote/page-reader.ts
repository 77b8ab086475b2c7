import type { LogPage, PagePlan, ReadRequest } from '../event-log.ts';

/** Reads entries from the files of a log that another process writes, such as `LmdbPages` of `@tidings/lmdb`. */
export interface PageReader {
  /** The entries of a page, and how far it reaches. Undefined if the process of the log has to read it, such as because events were removed since the plan was made. */
  page(request: ReadRequest, plan: PagePlan): Pick<LogPage, 'entries' | 'through'> | undefined;
  close(): Promise<void>;
}
