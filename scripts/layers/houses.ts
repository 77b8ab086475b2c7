/**
 * The table of the house: the packages, and the rooms inside of them. The layer check and the drawing in CONTRIBUTING.md
 * are both made from it.
 */

/** A folder below the `src` of a package, or one file that lies beside the folders. */
export interface Room {
  /** A path below `src`: "live", "log/memory", "index.ts". A folder does not hold the folders below it. */
  readonly name: string;
  /** What the drawing says about it. */
  readonly purpose: string;
  /** The rooms that its files may import from, types included, or all that stand below it. Each stands below it. */
  readonly uses: readonly string[] | 'all';
  /** Every room above the ground may use it without naming it. */
  readonly ground?: true;
}

/** A package of the workshop. */
export interface House {
  /** Its description in the drawing. */
  readonly purpose: string;
  /** The packages of this repository that it may depend on, by their folders. Each is below it. */
  readonly mayUse: readonly string[];
  /** Whether it may depend on packages of other projects. */
  readonly thirdParty: boolean;
  /** The entries that must run in every runtime: nothing they reach through files of the package imports from Node. */
  readonly runsAnywhere: readonly string[];
  /** From top to bottom. None where the package is flat: all of its files lie side by side. */
  readonly rooms: readonly Room[];
}

/** The packages by their folders, from top to bottom. */
export type Houses = Readonly<Record<string, House>>;

export const HOUSES: Houses = {
  cli: {
    purpose: 'the command: serve, publish, listen, topics',
    mayUse: ['hub', 'client', 'lmdb', 'postgres', 'nats', 'server', 'wire'],
    thirdParty: true,
    runsAnywhere: [],
    rooms: [
      { name: 'main.ts', purpose: 'runs the program, ends the process', uses: ['program.ts', 'terminal'] },
      {
        name: 'program.ts',
        purpose: 'puts the commands together',
        uses: ['serve', 'publish', 'listen', 'topics', 'token', 'command-line'],
      },
      {
        name: 'serve',
        purpose: 'tidings serve',
        uses: ['serve/tls', 'supervise', 'workers', 'sockets', 'command-line', 'terminal'],
      },
      { name: 'serve/tls', purpose: 'the certificate of the hub', uses: ['command-line'] },
      { name: 'publish', purpose: 'tidings publish', uses: ['command-line', 'http', 'terminal'] },
      { name: 'listen', purpose: 'tidings listen', uses: ['command-line', 'http', 'terminal'] },
      { name: 'topics', purpose: 'tidings topics', uses: ['command-line', 'http', 'terminal'] },
      { name: 'token', purpose: 'tidings token', uses: ['command-line', 'terminal'] },
      {
        name: 'supervise',
        purpose: 'holds the socket, runs one hub after the other',
        uses: ['restarts', 'sockets', 'terminal'],
      },
      {
        name: 'workers',
        purpose: 'runs the processes that serve connections',
        uses: ['restarts', 'sockets', 'terminal'],
      },
      { name: 'restarts', purpose: 'when a process is started again', uses: [] },
      { name: 'command-line', purpose: 'options and mistakes in them', uses: ['http', 'terminal'] },
      { name: 'http', purpose: 'requests to a hub', uses: [] },
      { name: 'sockets', purpose: 'addresses, and sockets that are handed over', uses: [] },
      { name: 'terminal', purpose: 'what people read; Ctrl-C', uses: [] },
      { name: 'errors.ts', purpose: 'why a command fails', uses: [], ground: true },
    ],
  },
  ui: {
    purpose: 'the page of the hub, not published',
    mayUse: ['client', 'wire'],
    thirdParty: true,
    runsAnywhere: ['main.tsx'],
    rooms: [],
  },
  hub: {
    purpose: 'topics over HTTP, on any log',
    mayUse: ['server', 'wire'],
    thirdParty: true,
    runsAnywhere: [],
    rooms: [
      { name: 'index.ts', purpose: 'what an application imports', uses: 'all' },
      { name: 'node', purpose: 'the hub as a server of Node', uses: ['hub.ts', 'processes', 'http'] },
      {
        name: 'hub.ts',
        purpose: 'puts log, access and faces together',
        uses: [
          'options.ts',
          'program',
          'faces/topics',
          'faces/listeners',
          'faces/access',
          'faces',
          'faces/presence',
          'access',
          'processes',
          'http',
        ],
      },
      {
        name: 'program',
        purpose: 'publish and iterate inside the program',
        uses: ['faces/topics/bodies', 'faces', 'access', 'http'],
      },
      { name: 'options.ts', purpose: 'what a hub is made with', uses: ['faces', 'access', 'access/tokens'] },
      {
        name: 'faces/mercure',
        purpose: 'Mercure: subscribe, publish, tokens of its own',
        uses: ['faces/topics', 'faces/topics/bodies', 'faces', 'access', 'access/tokens', 'http'],
      },
      {
        name: 'faces/listeners',
        purpose: 'who listens to a topic',
        uses: ['faces/topics', 'faces', 'faces/presence', 'access', 'processes', 'http'],
      },
      {
        name: 'faces/access',
        purpose: 'tickets and revocations',
        uses: ['faces/topics', 'faces', 'access', 'http'],
      },
      {
        name: 'faces/metrics',
        purpose: 'numbers for Prometheus',
        uses: ['faces', 'access', 'http'],
      },
      {
        name: 'faces/topics',
        purpose: 'topics: listen, publish, the directory',
        uses: ['faces/topics/life', 'faces/topics/bodies', 'faces', 'access', 'http'],
      },
      {
        name: 'faces/topics/life',
        purpose: 'topics: close, create, lease, delete',
        uses: ['faces/topics/bodies', 'faces', 'access', 'http'],
      },
      { name: 'faces/topics/bodies', purpose: 'the events in a body', uses: ['access', 'http'] },
      {
        name: 'faces',
        purpose: 'what a face is; health, the page',
        uses: ['faces/presence', 'access', 'processes', 'http'],
      },
      { name: 'faces/presence', purpose: 'who listens, in all processes', uses: ['processes'] },
      {
        name: 'access',
        purpose: 'rights: keys, tickets, origins, hosts',
        uses: ['access/tokens', 'processes', 'http'],
      },
      { name: 'processes', purpose: 'those that serve one hub: questions, counts', uses: [] },
      { name: 'access/tokens', purpose: 'signed tokens: keys, checks, grants', uses: ['http'] },
      { name: 'http', purpose: 'requests, parameters, problems', uses: [] },
      { name: 'limits.ts', purpose: 'the bounds of a hub', uses: [], ground: true },
      { name: 'reports.ts', purpose: 'what the hub writes into its logger', uses: [], ground: true },
      { name: 'counts.ts', purpose: 'what the hub has done, in numbers', uses: [], ground: true },
      { name: 'errors.ts', purpose: 'HubError and its codes', uses: [], ground: true },
    ],
  },
  lmdb: {
    purpose: 'the log on disk',
    mayUse: ['server', 'wire'],
    thirdParty: true,
    runsAnywhere: [],
    rooms: [
      { name: 'index.ts', purpose: 'what an application imports', uses: 'all' },
      { name: 'log.ts', purpose: 'LmdbLog', uses: 'all' },
      { name: 'options.ts', purpose: 'what LmdbLog is opened with', uses: [] },
      {
        name: 'life',
        purpose: 'topics: created, leased, closed, deleted',
        uses: ['trimming', 'writing', 'reading', 'tables', 'records'],
      },
      {
        name: 'trimming',
        purpose: 'what retention no longer keeps; damage',
        uses: ['reading', 'tables', 'records'],
      },
      { name: 'writing', purpose: 'group commit; the keys of appends', uses: ['tables', 'records'] },
      { name: 'reading', purpose: 'pages of events', uses: ['tables', 'records', 'folder'] },
      { name: 'tables', purpose: 'events, their indexes, topics', uses: ['records', 'folder'] },
      { name: 'records', purpose: 'the stored form of an event, its cost', uses: [] },
      { name: 'folder', purpose: 'the data folder: opened, checked, locked', uses: [] },
      { name: 'errors.ts', purpose: 'LmdbError and its codes', uses: [], ground: true },
    ],
  },
  postgres: {
    purpose: 'the log in PostgreSQL, for several hubs',
    mayUse: ['server', 'wire'],
    thirdParty: true,
    runsAnywhere: [],
    rooms: [
      { name: 'index.ts', purpose: 'what an application imports', uses: 'all' },
      { name: 'log.ts', purpose: 'PostgresLog', uses: 'all' },
      { name: 'options.ts', purpose: 'what PostgresLog is opened with', uses: ['address.ts'] },
      { name: 'address.ts', purpose: 'the URL of a database', uses: [] },
      {
        name: 'outbox',
        purpose: 'what others publish in their own transactions',
        uses: ['writing', 'changes', 'store'],
      },
      {
        name: 'life',
        purpose: 'topics: created, leased, closed, deleted; values',
        uses: ['writing', 'changes', 'reading', 'store'],
      },
      { name: 'writing', purpose: 'group commit; retention from time to time', uses: ['changes', 'store'] },
      { name: 'changes', purpose: 'a transaction, and what can be part of it', uses: ['store'] },
      { name: 'following', purpose: 'what all nodes have committed', uses: ['store'] },
      { name: 'reading', purpose: 'pages, places, the list of topics', uses: ['store'] },
      { name: 'store', purpose: 'connections, the tables, the head', uses: [] },
      { name: 'records.ts', purpose: 'the rows of the tables, and their costs', uses: [], ground: true },
      { name: 'reports.ts', purpose: 'failures of which no caller learns', uses: [], ground: true },
      { name: 'errors.ts', purpose: 'PostgresError and its codes', uses: [], ground: true },
    ],
  },
  nats: {
    purpose: 'the log in NATS JetStream, for many nodes',
    mayUse: ['server', 'wire'],
    thirdParty: true,
    runsAnywhere: [],
    rooms: [
      { name: 'index.ts', purpose: 'what an application imports', uses: 'all' },
      { name: 'log.ts', purpose: 'NatsLog', uses: 'all' },
      { name: 'life', purpose: 'topics and values: changes, questions', uses: ['replica'] },
      {
        name: 'writing',
        purpose: 'what is sent, in which order, until when',
        uses: ['following', 'store', 'replica'],
      },
      {
        name: 'following',
        purpose: 'keeps up with the stream; epochs, snapshots',
        uses: ['store', 'replica'],
      },
      { name: 'store', purpose: 'the stream, the bucket, the connection', uses: ['replica', 'options.ts'] },
      { name: 'replica', purpose: 'carries out what the stream has, in memory', uses: ['options.ts'] },
      { name: 'address.ts', purpose: 'the URL of a log', uses: ['options.ts'] },
      { name: 'options.ts', purpose: 'what NatsLog is opened with', uses: [] },
      { name: 'errors.ts', purpose: 'NatsError and its codes', uses: [], ground: true },
    ],
  },
  server: {
    purpose: 'responses, channels, the log, fan-out',
    mayUse: ['wire'],
    thirdParty: false,
    runsAnywhere: [
      'index.ts',
      'live.ts',
      'log/index.ts',
      'runs/index.ts',
      'faces/ai-sdk.ts',
      'faces/tanstack-ai.ts',
      'faces/assistant-ui.ts',
      'faces/mcp.ts',
    ],
    rooms: [
      { name: 'index.ts', purpose: 'what an application imports', uses: 'all' },
      { name: 'live.ts', purpose: 'what the author of a hub imports', uses: 'all' },
      { name: 'frameworks', purpose: 'Fastify, Koa, Nest', uses: ['node', 'channel'] },
      {
        name: 'faces',
        purpose: 'AI SDK, TanStack AI, assistant-ui, MCP',
        uses: ['runs', 'runs/store', 'response', 'audience', 'log', 'http'],
      },
      {
        name: 'runs',
        purpose: 'Runs: answers of models, outputs of jobs',
        uses: ['runs/log', 'runs/hub', 'runs/store', 'response', 'log/reading', 'log', 'http', 'coding'],
      },
      {
        name: 'runs/log',
        purpose: 'runs in a log',
        uses: ['runs/store', 'audience', 'log/keeping', 'log/reading', 'log'],
      },
      {
        name: 'runs/hub',
        purpose: 'runs at a hub, over HTTP',
        uses: ['runs/store', 'log/keeping', 'log/reading', 'log', 'http'],
      },
      {
        name: 'runs/store',
        purpose: 'what keeps runs; the form of chunks',
        uses: ['log/keeping', 'log/reading', 'log'],
      },
      {
        name: 'node',
        purpose: '(req, res) of HTTP/1.1 and HTTP/2',
        uses: ['channel', 'response', 'http', 'coding', 'sink'],
      },
      {
        name: 'channel',
        purpose: 'Channel: publish, respond',
        uses: [
          'events',
          'audience',
          'live',
          'log/memory',
          'log/keeping',
          'log/reading',
          'log',
          'http',
          'coding',
          'sink',
        ],
      },
      { name: 'events', purpose: 'events inside the program', uses: ['audience', 'http', 'log/reading', 'log'] },
      {
        name: 'audience',
        purpose: 'listeners: rights, limits, expiry',
        uses: ['live', 'log', 'http', 'sink'],
      },
      { name: 'live', purpose: 'from commit to socket; catching up', uses: ['log/keeping', 'log', 'coding', 'sink'] },
      { name: 'response', purpose: 'eventStream(): one response', uses: ['http', 'coding', 'sink'] },
      { name: 'http', purpose: 'requests, answers, parameters, CORS', uses: ['log', 'coding', 'sink'] },
      { name: 'coding', purpose: 'gzip and zstd, once a cohort', uses: ['sink'] },
      {
        name: 'log/index.ts',
        purpose: 'what the author of a log imports',
        uses: ['log/memory', 'log/keeping', 'log/reading', 'log'],
      },
      {
        name: 'log/remote/index.ts',
        purpose: 'a log in another process',
        uses: ['log/remote', 'log/remote/peers'],
      },
      {
        name: 'log/testing/index.ts',
        purpose: 'the suite that every log passes',
        uses: ['log/testing/cases', 'log/testing/remote', 'log/testing'],
      },
      { name: 'log/testing/cases', purpose: 'the cases of the suite', uses: ['log/testing', 'log'] },
      {
        name: 'log/testing/remote',
        purpose: 'a log in another process, with faults',
        uses: ['log/testing', 'log/remote', 'log/memory', 'log/keeping', 'log'],
      },
      {
        name: 'log/remote',
        purpose: 'a log over a socket: both ends',
        uses: ['log/remote/peers', 'log/keeping', 'log'],
      },
      { name: 'log/remote/peers', purpose: 'what its processes have together', uses: ['log'] },
      { name: 'log/testing', purpose: 'a case, and what it works with', uses: ['log/keeping', 'log'] },
      { name: 'log/memory', purpose: 'MemoryLog', uses: ['log/keeping', 'log'] },
      { name: 'log/keeping', purpose: 'what logs are built of', uses: ['log'] },
      { name: 'log/reading', purpose: 'entries: history, then live', uses: ['log'] },
      { name: 'log', purpose: 'the contract, positions, selections', uses: ['log/pattern'] },
      { name: 'log/pattern', purpose: 'patterns of topics', uses: [] },
      { name: 'sink', purpose: 'destinations of bytes', uses: [] },
      { name: 'turns.ts', purpose: 'a turn for everything else', uses: [], ground: true },
      { name: 'clock.ts', purpose: 'the time and its timers', uses: [], ground: true },
      { name: 'errors.ts', purpose: 'ServerError and its codes', uses: [], ground: true },
    ],
  },
  client: {
    purpose: 'EventSource, subscribe(), Publisher',
    mayUse: ['wire'],
    thirdParty: false,
    runsAnywhere: [
      'index.ts',
      'event-source/polyfill.ts',
      'publisher/index.ts',
      'answers/chat-transport.ts',
      'answers/response-events.ts',
    ],
    rooms: [
      { name: 'index.ts', purpose: 'what an application imports', uses: 'all' },
      {
        name: 'answers',
        purpose: 'answers of models: AI SDK, OpenAI',
        uses: ['subscription', 'transport'],
      },
      {
        name: 'publisher',
        purpose: 'Publisher: a queue to a hub, and outboxes',
        uses: ['subscription', 'connection', 'transport', 'platform'],
      },
      {
        name: 'event-source',
        purpose: 'EventSource of the standard',
        uses: ['connection', 'transport', 'platform'],
      },
      {
        name: 'subscription',
        purpose: 'subscribe(): an async iterator',
        uses: ['shared', 'position', 'connection', 'transport', 'platform'],
      },
      { name: 'shared', purpose: 'one connection for all tabs', uses: ['connection', 'platform'] },
      { name: 'position', purpose: 'the stored last event ID', uses: ['connection', 'platform'] },
      { name: 'connection', purpose: 'connecting, failing, trying again', uses: ['transport', 'platform'] },
      { name: 'transport', purpose: 'fetch, as each runtime does it', uses: ['platform'] },
      { name: 'platform', purpose: 'what differs between runtimes', uses: [] },
      { name: 'errors.ts', purpose: 'ClientError and its codes', uses: [], ground: true },
      { name: 'globals.ts', purpose: 'the types of the platform', uses: [], ground: true },
    ],
  },
  wire: {
    purpose: 'the format: bytes to events and back',
    mayUse: [],
    thirdParty: false,
    runsAnywhere: ['index.ts', 'internal.ts'],
    rooms: [],
  },
};
