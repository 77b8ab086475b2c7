export { LogHost, type LogHostOptions } from './log-host.ts';
export type { PageReader } from './page-reader.ts';
export type { NamedCounts, Peers, PeersRecord } from './peers/peers.ts';
export { RemoteLog, type RemoteLogOptions } from './remote-log.ts';
export type { Counted } from './peers/shared-counts.ts';
