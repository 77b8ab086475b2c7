import type { LogRetention, MercureOptions, ProxyHeader } from '@tidings/hub';
import type { AccessSettings } from './access.ts';
import type { Places } from './explain.ts';
import type { LimitSettings } from './limits.ts';
import type { TlsSettings } from './tls/options.ts';

/** What a hub of the command runs with, as plain data. */
export interface HubSettings extends Places {
  /** The folder of the events, or undefined for memory. */
  readonly data: string | undefined;
  /** The URL of a log that several hubs share; undefined for one in the folder or in memory. */
  readonly log: string | undefined;
  readonly retention: LogRetention;
  /** Who may do what. */
  readonly access: AccessSettings;
  /** The face for clients of Mercure; undefined for none. */
  readonly mercure: MercureOptions | undefined;
  /** Where the certificate is; undefined if the hub does not speak TLS. */
  readonly tls: TlsSettings | undefined;
  /** The origins of pages that may use the hub. */
  readonly origins: readonly string[];
  /** Whether streams are compressed for listeners that accept it. */
  readonly compression: boolean;
  /** The URL by which clients reach the hub; undefined if it is the one in their requests. */
  readonly publicUrl: string | undefined;
  /** The trusted proxies, and the header fields in which they give the address of a client. */
  readonly trustedProxies: readonly string[];
  readonly proxyHeader: ProxyHeader;
  readonly limits: LimitSettings;
  /** Whether there are metrics for Prometheus. */
  readonly metrics: boolean;
  /** Whether to log more than warnings and errors. */
  readonly verbose: boolean;
}
