import type {
  AppendOptions,
  CreateOptions,
  EarlierEpoch,
  LeaseOptions,
  NewEvent,
  Position,
  SetOptions,
  TopicOptions,
} from '@tidings/server/log';
import type { Settings } from '../options.ts';

/** What says on which server the log is from now on. */
interface OnServer {
  /** Names one run of a single server: it has another name whenever it was started. @default as before */
  readonly server?: string | undefined;
}

/** What changes the log. The order of the commands in the stream is the order in which all nodes carry them out. */
export type Command =
  | { readonly op: 'append'; readonly events: readonly NewEvent[]; readonly options: AppendOptions }
  | { readonly op: 'create'; readonly topic: string; readonly options: TopicOptions; readonly how: CreateOptions }
  | { readonly op: 'delete'; readonly topic: string }
  | {
      readonly op: 'lease';
      readonly topic: string;
      readonly ms: number;
      readonly options: LeaseOptions;
      /** The token of the lease, if it is made. */
      readonly fresh: string;
    }
  | { readonly op: 'release'; readonly topic: string; readonly token: string }
  | { readonly op: 'set value'; readonly name: string; readonly value: string; readonly options: SetOptions }
  | { readonly op: 'remove value'; readonly name: string }
  /** Nothing but that time has passed, and perhaps that the server was started again with all that it had. */
  | ({ readonly op: 'tick' } & OnServer)
  /** The log is kept in another way from now on. */
  | { readonly op: 'settings'; readonly settings: Settings }
  /** A new epoch begins after what there is, because what followed it is lost. */
  | ({
      readonly op: 'epoch';
      readonly epoch: string;
      /** How far a node has got that knows of events that are lost. Nothing begins if all of them are known to be lost. */
      readonly seen?: Position | undefined;
    } & OnServer)
  /** A new epoch begins, with nothing in it. */
  | ({
      readonly op: 'begin';
      readonly epoch: string;
      readonly earlier: readonly EarlierEpoch[];
      readonly settings: Settings;
    } & OnServer);

/** What a node sends at once. */
export interface Message {
  /** When it was sent: by the system's clock, and by one that never goes back, which all nodes take over from each other. Milliseconds. */
  readonly time: number;
  readonly now: number;
  readonly commands: readonly Command[];
}

/** The events without what their objects may have besides, so that they can be sent. */
export function plainEvents(events: readonly NewEvent[]): NewEvent[] {
  return events.map(({ topics, fields, private: isPrivate, latestKey, forget, final }) => {
    const { data, event, id, retry, comment } = fields;
    return {
      topics: [...topics],
      fields: { data, event, id, retry, comment },
      private: isPrivate,
      latestKey,
      forget,
      final,
    };
  });
}
