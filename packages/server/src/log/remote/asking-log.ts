import { ServerError } from '../../errors.ts';
import type { NewEvent } from '../entry.ts';
import type {
  AppendOptions,
  AppendReceipt,
  AskOptions,
  EventLog,
  LogFollower,
  LogFollowing,
  LogPage,
  PagePlan,
  Place,
  ReadRequest,
  Since,
  TopicDirectory,
  TopicPage,
} from '../event-log.ts';
import type { Selection } from '../selection.ts';
import type { SetOptions, StoredValue, StoredValues, ValuesChange } from '../stored-values.ts';
import type { HeldLease, TopicLease, TopicStates, TopicStatus } from '../topic-states.ts';
import type { Question } from './question.ts';

/** The members that a log may lack. */
export type Capability = 'directory' | 'topics' | 'values' | 'trim' | 'plan';

/** What is known of a log in another process before it is asked anything. */
export interface LogFacts {
  readonly trimmedIsExact: boolean;
  readonly has: readonly Capability[];
}

/** A log that asks another process, where its events are. How it asks is up to its subclass. */
export abstract class AskingLog implements EventLog {
  readonly trimmedIsExact: boolean;
  readonly directory?: TopicDirectory;
  readonly topics?: TopicStates;
  readonly values?: StoredValues;
  readonly trim?: () => Promise<void>;
  readonly plan?: (request: ReadRequest) => Promise<PagePlan | undefined>;

  protected constructor({ trimmedIsExact, has }: LogFacts) {
    this.trimmedIsExact = trimmedIsExact;
    if (has.includes('directory')) {
      this.directory = { list: async (request) => (await this.ask({ op: 'list', request })) as TopicPage };
    }
    if (has.includes('topics')) this.topics = this.#states();
    if (has.includes('values')) this.values = this.#values();
    if (has.includes('plan')) {
      this.plan = async (request) => (await this.ask({ op: 'plan', ...request })) as PagePlan | undefined;
    }
    if (has.includes('trim')) this.trim = async () => void (await this.ask({ op: 'trim' }));
  }

  abstract follow(follower: LogFollower): LogFollowing;

  abstract close(): Promise<void>;

  /** Whether `close` was called. */
  protected abstract readonly isClosed: boolean;

  /** Resolves to the answer of the other process. */
  protected abstract ask(question: Question, options?: AskOptions): Promise<unknown>;

  /** Watches the values of a prefix, as {@link StoredValues.watch}. */
  protected abstract watch(prefix: string, onChange: (change: ValuesChange) => void): () => void;

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.isClosed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    return (await this.ask({ op: 'append', events, options })) as AppendReceipt;
  }

  async read(request: ReadRequest, options: AskOptions = {}): Promise<LogPage> {
    return (await this.ask({ op: 'read', ...request }, options)) as LogPage;
  }

  async locate(id: string, selection?: Selection, options: AskOptions = {}): Promise<Place> {
    const where = selection === undefined ? {} : { selection };
    return (await this.ask({ op: 'locate', id, ...where }, options)) as Place;
  }

  async locateLast(selection: Selection, count: number, options: AskOptions = {}): Promise<Place> {
    return (await this.ask({ op: 'locateLast', selection, count }, options)) as Place;
  }

  async locateSince(selection: Selection, since: Since, options: AskOptions = {}): Promise<Place> {
    return (await this.ask({ op: 'locateSince', selection, since }, options)) as Place;
  }

  #states(): TopicStates {
    return {
      status: async (topic, options = {}) => (await this.#look({ op: 'status', topic, options })) as TopicStatus,
      create: async (topic, options = {}, how = {}) =>
        (await this.#look({ op: 'create', topic, options, how })) as { created: boolean },
      delete: async (topic) => (await this.#look({ op: 'delete', topic })) as { existed: boolean },
      lease: async (topic, ms, options = {}) => (await this.#look({ op: 'lease', topic, ms, options })) as TopicLease,
      leases: async () => (await this.#look({ op: 'leases' })) as readonly HeldLease[],
      release: async (topic, token) => void (await this.#look({ op: 'release', topic, token })),
    };
  }

  #values(): StoredValues {
    return {
      get: async (name) => (await this.ask({ op: 'value', name })) as string | undefined,
      set: async (name: string, value: string, options: SetOptions = {}) =>
        void (await this.ask({ op: 'setValue', name, value, options })),
      remove: async (name) => (await this.ask({ op: 'removeValue', name })) as boolean,
      list: async (prefix) => (await this.ask({ op: 'listValues', prefix })) as readonly StoredValue[],
      watch: (prefix, onChange) => this.watch(prefix, onChange),
    };
  }

  #look(question: Question): Promise<unknown> {
    if (this.isClosed) throw new ServerError('ERR_CLOSED', 'Cannot look at topics: the log has been closed');
    return this.ask(question);
  }
}
