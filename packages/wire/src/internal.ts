// The decoder without its checks, for a package that gives it nothing wrong and has errors of its own.
export { TextReader } from '#text-reader';
export { EventStreamParser } from './parser.ts';
