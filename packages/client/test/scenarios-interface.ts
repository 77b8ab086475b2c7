// oxlint-disable unicorn/prefer-add-event-listener -- the attributes are tested here too
/** Rules 41 to 43: what the class and its instances are like. */
import { OURS, type Departure, type Scenario } from './scenario.ts';
import type { Source } from './scenario-stage.ts';
import { STREAM } from './server-script.ts';

/** What nobody catches goes to the log of the runtime. */
const WORKERS_ARE_NOT_TOLD: Departure = {
  who: ['ours in a Worker'],
  why: 'no script in a Worker is told of an exception that nobody catches',
  log: [],
};

export const interfaceScenarios: readonly Scenario[] = [
  {
    rules: [41],
    name: 'a handler attribute is null or an object',
    server: [[]],
    client: (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      const handler = (): void => {};
      const object = {};
      const values = [handler, undefined, object, 'text', handler, 1, object, null, handler, Symbol('x')];
      for (const name of ['onopen', 'onmessage', 'onerror'] as const) {
        stage.add(`${name} ${String(source[name])}`);
        const kept = values.map((value) => {
          source[name] = value;
          return source[name] === value ? 'kept' : String(source[name]);
        });
        stage.add(kept.join(' '));
      }
    },
    log: ['onopen', 'onmessage', 'onerror'].flatMap((name) => [
      `${name} null`,
      'kept null kept null kept null kept kept kept null',
    ]),
  },
  {
    rules: [41],
    name: 'a handler takes the place of the one before, and is called with the source as this',
    wpt: ['eventsource-onmessage'],
    server: [[STREAM, 'data: a\n\n', { do: 'wait' }, 'data: b\n\n']],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      source.onmessage = () => stage.add('first');
      source.addEventListener('message', () => stage.add('listener'));
      source.onmessage = function (this: unknown) {
        stage.add(`handler ${this === source}`);
        setTimeout(() => {
          source.onmessage = null;
          source.onmessage = () => stage.add('anew');
          void stage.go();
        });
      };
      await new Promise((resolve) => {
        source.addEventListener('message', ({ data }) => void (data === 'b' && setTimeout(resolve)));
      });
    },
    log: ['handler true', 'listener', 'listener', 'anew'],
    requests: [{}],
  },
  {
    rules: [41],
    name: 'an object as a handler is not called, as a listener it is',
    server: [[STREAM, 'data: a\n\n']],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      source.onmessage = { handleEvent: () => stage.add('handler') };
      await new Promise<void>((resolve) => {
        source.addEventListener('message', {
          handleEvent: () => {
            stage.add('listener');
            resolve();
          },
        });
      });
    },
    log: ['listener'],
    requests: [{}],
  },
  {
    rules: [42],
    name: 'the class and its instances have the constants',
    server: [[]],
    client: (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      for (const holder of [stage.SourceClass, source] as unknown as Record<string, unknown>[]) {
        stage.add([holder['CONNECTING'], holder['OPEN'], holder['CLOSED']].join(' '));
      }
      stage.add(`${source.readyState} ${Object.prototype.toString.call(source)} ${source instanceof EventTarget}`);
      const names: string[] = [];
      for (const name in source) if (!(name in EventTarget.prototype)) names.push(name);
      stage.add(names.toSorted().join(' '));
    },
    log: [
      '0 1 2',
      '0 1 2',
      '0 [object EventSource] true',
      'CLOSED CONNECTING OPEN close onerror onmessage onopen readyState url withCredentials',
    ],
  },
  {
    rules: [42],
    name: 'attributes and operations have the names of Web IDL',
    server: [],
    client: ({ SourceClass, add }) => {
      for (const name of ['url', 'readyState', 'withCredentials', 'onopen', 'onmessage', 'onerror', 'close']) {
        const { get, set, value } = Object.getOwnPropertyDescriptor(SourceClass.prototype, name) as PropertyDescriptor;
        for (const part of [get, set, value as (() => void) | undefined]) {
          if (part) add(`${part.name} ${part.length} ${'prototype' in part}`);
        }
      }
    },
    log: [
      ...['url', 'readyState', 'withCredentials'].map((name) => `get ${name} 0 false`),
      ...['onopen', 'onmessage', 'onerror'].flatMap((name) => [`get ${name} 0 false`, `set ${name} 1 false`]),
      'close 0 false',
    ],
    requests: [],
  },
  {
    rules: [42],
    name: 'the constructor needs new and a URL, and has a name and a length',
    wpt: ['eventsource-constructor-no-new'],
    server: [],
    client: ({ SourceClass, here, add }) => {
      const attempts = [
        () => (SourceClass as unknown as (url: string) => Source)(here),
        () => new (SourceClass as unknown as new () => Source)(),
      ];
      for (const attempt of attempts) {
        try {
          attempt();
        } catch (error) {
          add((error as Error).name);
        }
      }
      const { name, length } = SourceClass as unknown as { name: string; length: number };
      add(`${name} ${length}`);
    },
    log: ['TypeError', 'TypeError', 'EventSource 1'],
    requests: [],
  },
  {
    rules: [42],
    name: 'attributes are read-only and belong to the prototype',
    server: [[]],
    client: (stage) => {
      const source = stage.open(`${stage.here}/stream`, { withCredentials: true });
      for (const name of ['url', 'readyState', 'withCredentials', 'OPEN']) {
        try {
          Object.assign(source, { [name]: 7 });
          stage.add(`${name} was set`);
        } catch (error) {
          stage.add(`${name} ${(error as Error).name}`);
        }
      }
      stage.add(`${Object.keys(source).length} ${source.withCredentials}`);
    },
    log: ['url', 'readyState', 'withCredentials', 'OPEN'].map((name) => `${name} TypeError`).concat('0 true'),
  },
  {
    rules: [42],
    name: 'members are defined as Web IDL defines them, and refuse what is no source',
    wpt: ['idlharness'],
    server: [],
    client: ({ SourceClass, add }) => {
      const { prototype } = SourceClass;
      const throws = (call: () => unknown): string => {
        try {
          call();
          return 'returns';
        } catch (error) {
          return (error as Error).name;
        }
      };
      for (const name of ['url', 'withCredentials', 'readyState', 'onopen', 'onmessage', 'onerror']) {
        const { get, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(prototype, name) ?? {};
        const setter = set === undefined ? 'none' : throws(() => set.call({}, null));
        add(`${name} ${enumerable} ${configurable}: ${throws(() => get?.call({}))} ${setter}`);
      }
      for (const holder of [SourceClass, prototype]) {
        for (const name of ['CONNECTING', 'OPEN', 'CLOSED']) {
          const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(holder, name) ?? {};
          add(`${name} ${value} ${writable} ${enumerable} ${configurable}`);
        }
      }
      const { value: close, ...about } = Object.getOwnPropertyDescriptor(prototype, 'close') ?? {};
      add(`close ${throws(() => Reflect.apply(close as () => void, {}, []))} ${JSON.stringify(about)}`);
      const tag = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag);
      add(JSON.stringify(tag));
      add(String(Object.getPrototypeOf(SourceClass) === EventTarget));
    },
    log: [
      ...['url', 'withCredentials', 'readyState'].map((name) => `${name} true true: TypeError none`),
      ...['onopen', 'onmessage', 'onerror'].map((name) => `${name} true true: TypeError TypeError`),
      ...[1, 2].flatMap(() =>
        ['CONNECTING', 'OPEN', 'CLOSED'].map((name, value) => `${name} ${value} false true false`),
      ),
      'close TypeError {"writable":true,"enumerable":true,"configurable":true}',
      '{"value":"EventSource","writable":false,"enumerable":false,"configurable":true}',
      'true',
    ],
    requests: [],
  },
  {
    rules: [42],
    name: 'what is added to the prototype is there in its sources',
    wpt: ['eventsource-prototype'],
    server: [[]],
    client: ({ SourceClass, here, open, add }) => {
      const prototype = SourceClass.prototype as { added?: () => string };
      prototype.added = () => 'added';
      const source = open(`${here}/stream`) as unknown as { added(): string };
      add(source.added());
      delete prototype.added;
    },
    log: ['added'],
  },
  {
    rules: [42],
    name: 'the events of the connection hold no data, and neither bubble nor can be cancelled',
    wpt: ['eventsource-onopen'],
    server: [[STREAM, { do: 'end' }]],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      const tell = (event: Event): void => {
        stage.add(`${event.type} ${source.readyState} ${'data' in event} ${event.bubbles} ${event.cancelable}`);
      };
      source.onopen = tell;
      source.onerror = tell;
      await new Promise((resolve) => source.addEventListener('error', resolve));
    },
    log: ['open 1 false false false', 'error 0 false false false'],
  },
  {
    rules: [42],
    name: 'events of the stream are trusted',
    wpt: ['eventsource-onmessage-trusted'],
    server: [[STREAM, 'data: a\n\n']],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      await new Promise<void>((resolve) => {
        source.addEventListener('message', (event) => {
          stage.add(String(event.isTrusted));
          resolve();
        });
      });
    },
    log: ['true'],
    departures: [
      {
        who: OURS,
        why: 'only the platform itself can make an event that is trusted',
        log: ['false'],
      },
    ],
  },
  {
    rules: [42],
    name: 'events are real ones',
    wpt: ['eventsource-eventtarget'],
    server: [[STREAM, 'id: 1\ndata: a\n\nevent: x\ndata: b\n\n', { do: 'end' }]],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      const tell = (event: Event): void => {
        const { type, bubbles, cancelable, target } = event;
        // One platform has no such class, and events with its attributes.
        const isMessage = 'MessageEvent' in globalThis ? event instanceof MessageEvent : 'data' in event;
        stage.add(`${type} ${isMessage} ${bubbles} ${cancelable} ${target === source}`);
        if (!isMessage) return;
        const { data, lastEventId, origin, ports, source: sender } = event as MessageEvent<string>;
        stage.add(`${data} ${lastEventId} ${origin} ${ports.length} ${sender === null}`);
      };
      for (const type of ['open', 'message', 'x', 'error']) source.addEventListener(type, tell);
      await new Promise((resolve) => source.addEventListener('error', resolve));
    },
    log: [
      'open false false false true',
      'message true false false true',
      'a 1 {origin} 0 true',
      'x true false false true',
      'b 1 {origin} 0 true',
      'error false false false true',
    ],
  },
  {
    rules: [43],
    name: 'a listener that throws is reported and disturbs nothing else',
    departures: [WORKERS_ARE_NOT_TOLD],
    server: [[STREAM, 'data: a\n\ndata: b\n\n', { do: 'wait' }, 'data: c\n\n']],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      source.addEventListener('message', ({ data }) => {
        throw stage.fault(data);
      });
      source.addEventListener('message', ({ data }) => {
        if (data === 'b') setTimeout(() => void stage.go());
      });
      await new Promise<void>((resolve) => {
        source.addEventListener('message', ({ data }) => {
          if (data === 'c') setTimeout(resolve);
        });
      });
    },
    log: ['reported a', 'reported b', 'reported c'],
    requests: [{}],
  },
  {
    rules: [43],
    name: 'a handler that throws is reported, in open and error events too',
    departures: [WORKERS_ARE_NOT_TOLD],
    server: [
      [STREAM, 'retry: 100\n\ndata: a\n\n', { do: 'end' }],
      [STREAM, 'data: b\n\n'],
    ],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      for (const name of ['onopen', 'onmessage', 'onerror'] as const) {
        source[name] = () => {
          throw stage.fault(name);
        };
      }
      await new Promise<void>((resolve) => {
        source.addEventListener('message', ({ data }) => {
          if (data === 'b') setTimeout(resolve);
        });
      });
    },
    log: ['onopen', 'onmessage', 'onerror', 'onopen', 'onmessage'].map((name) => `reported ${name}`),
    requests: [{}, {}],
  },
  {
    rules: [43, 40],
    name: 'a listener that closes and throws is reported, and nothing follows',
    departures: [WORKERS_ARE_NOT_TOLD],
    server: [[STREAM, 'data: a\n\ndata: b\n\n']],
    client: async (stage) => {
      const source = stage.open(`${stage.here}/stream`);
      source.addEventListener('message', ({ data }) => {
        source.close();
        throw stage.fault(data);
      });
      await new Promise((resolve) => source.addEventListener('message', () => setTimeout(resolve)));
    },
    log: ['reported a'],
    requests: [{}],
  },
];
