// The two parts of the decoder without its checks, for a package that passes nothing wrong and has errors of its own.
export { createTextReader } from '#text-reader';
export { EventStreamParser } from './parser.ts';
