// The platform's types, as the libraries of a program describe them: those of the DOM, of workers, of Node or of another runtime. The name
// of a type that they lack would be an error or, with `skipLibCheck`, `any`. So where they lack one, a type of our own says what is used.

type Globals = typeof globalThis;

interface EventLike {
  readonly type: string;
  readonly target: unknown;
  readonly currentTarget: unknown;
  readonly timeStamp: number;
  readonly defaultPrevented: boolean;
  preventDefault(): void;
  stopPropagation(): void;
  stopImmediatePropagation(): void;
}

export type PlatformEvent = Globals extends { Event: { prototype: infer Type } } ? Type : EventLike;

interface MessageEventLike extends PlatformEvent {
  readonly data: unknown;
  readonly origin: string;
  readonly lastEventId: string;
  readonly source: unknown;
  readonly ports: readonly unknown[];
}

export type PlatformMessageEvent = Globals extends { MessageEvent: { prototype: infer Type } }
  ? Type
  : MessageEventLike;

interface EventTargetLike {
  addEventListener(
    type: string,
    listener: ((event: PlatformEvent) => void) | { handleEvent(event: PlatformEvent): void } | null,
    options?: boolean | { capture?: boolean; once?: boolean; passive?: boolean; signal?: PlatformSignal },
  ): void;
  removeEventListener(
    type: string,
    listener: ((event: PlatformEvent) => void) | { handleEvent(event: PlatformEvent): void } | null,
    options?: boolean | { capture?: boolean },
  ): void;
  dispatchEvent(event: PlatformEvent): boolean;
}

export type PlatformEventTarget = Globals extends { EventTarget: { prototype: infer Type } } ? Type : EventTargetLike;

/** The part of an `AbortSignal` that is used of one that was given. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export type PlatformSignal = Globals extends { AbortSignal: { prototype: infer Type } } ? Type : AbortSignalLike;

/** The part of a `URL` that is used of one that was given. */
export interface UrlLike {
  readonly href: string;
  toString(): string;
}

type PlatformClass<Name extends string> = Globals extends { readonly [N in Name]: { prototype: infer Type } }
  ? Type
  : never;

export type PlatformHeaders = PlatformClass<'Headers'>;

/** The bodies that are objects of the platform. A platform without such a class has no such bodies. */
export type PlatformBody = PlatformClass<'Blob'> | PlatformClass<'FormData'> | PlatformClass<'URLSearchParams'>;

/** Bytes that no other thread shares, which fetch demands. In TypeScript before 5.7 that cannot be said. */
export type Bytes = ReturnType<Uint8ArrayConstructor['of']>;
