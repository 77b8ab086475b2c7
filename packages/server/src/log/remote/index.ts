export { LogHost, type LogHostOptions } from './log-host.ts';
export type { PageReader } from './page-reader.ts';
export type { Peers } from './peers.ts';
export { RemoteLog, type RemoteLogOptions } from './remote-log.ts';
