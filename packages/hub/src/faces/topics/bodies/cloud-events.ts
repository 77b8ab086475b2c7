import type { NewEvent } from '@tidings/server/log';
import { elementsOf, JsonTextError, kindOf, membersOf, shown, twice, valueOf } from '../../../http/json-text.ts';
import { Problem } from '../../../http/problem.ts';
import type { HubRequest } from '../../../http/request.ts';
import type { HubLimits } from '../../../limits.ts';
import { at, type BatchEvent } from './batch.ts';
import { checkData, checkTopic, checkType } from './checks.ts';

const REQUIRED = ['specversion', 'id', 'source', 'type'] as const;

/** The optional attributes of the specification that are texts, which may not be empty ([CloudEvents] 3.1.2). */
const OPTIONAL = ['datacontenttype', 'dataschema', 'subject', 'time'] as const;

/** The form of a time ([RFC 3339] 5.6). */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;

/** The header fields of one in binary mode. */
const REQUIRED_FIELDS: readonly string[] = REQUIRED.map((name) => `ce-${name}`);

/** The media types of the JSON format: of one CloudEvent, and of several. */
const CLOUD_EVENT_TYPES = {
  'application/cloudevents+json': 'structured',
  'application/cloudevents-batch+json': 'batch',
} as const;

/** How a request holds CloudEvents ([CloudEvents] HTTP binding 3). */
export type CloudEventMode = 'binary' | 'structured' | 'batch';

/** What a CloudEvent becomes an event with. */
export interface CloudEventTarget {
  /** The topic. Undefined if its attribute `topic` names it. */
  readonly topic: string | undefined;
  readonly private: boolean;
  readonly limits: HubLimits;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Returns how a request holds CloudEvents, or undefined if it holds none.
 * @param type the media type of the body
 * @throws {Problem} `unsupported-type` if they are in a format other than JSON
 */
export function cloudEventMode(request: HubRequest, type: string): CloudEventMode | undefined {
  if (Object.hasOwn(CLOUD_EVENT_TYPES, type)) return CLOUD_EVENT_TYPES[type as keyof typeof CLOUD_EVENT_TYPES];
  if (type.startsWith('application/cloudevents')) {
    const allowed = Object.keys(CLOUD_EVENT_TYPES).join(' and ');
    throw new Problem(
      'unsupported-type',
      `The body is ${JSON.stringify(type)}; for CloudEvents ${allowed} are allowed`,
    );
  }
  return REQUIRED_FIELDS.some((name) => request.header(name) !== undefined) ? 'binary' : undefined;
}

/** Reads one CloudEvent (PROTOCOL §4.13). @throws {Problem} */
export function readCloudEvent(text: string, target: CloudEventTarget): BatchEvent[] {
  return [{ event: () => eventOf(text.trim(), target), place: 'The CloudEvent', bytes: text.length }];
}

/** Reads a batch of CloudEvents (PROTOCOL §4.13). @throws {Problem} */
export function* readCloudEvents(text: string, target: CloudEventTarget): Generator<BatchEvent, undefined, undefined> {
  const elements = elementsOf(text);
  for (let number = 1; ; number += 1) {
    const step = at('The batch', () => elements.next());
    if (step.done === true) return;
    const { value } = step;
    yield { event: () => eventOf(value, target), place: `Event ${number}`, bytes: value.length };
  }
}

/** The text of a body of JSON. @throws {Problem} `invalid-event` */
export function jsonOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new Problem('invalid-event', 'The body is not valid UTF-8', { cause: error });
  }
}

/** The text of a CloudEvent whose attributes are in header fields and whose data is the body, as one in JSON. @throws {Problem} */
export function asStructured(request: HubRequest, body: Uint8Array): string {
  return at('The CloudEvent', () => {
    const attributes = new Map<string, string>();
    for (const field of request.headerNames?.() ?? []) {
      const [, name] = /^ce-(.*)$/.exec(field) ?? [];
      if (name === undefined) continue;
      if (name.startsWith('data')) throw new JsonTextError(`it has ${field}, but its data is the body`);
      attributes.set(name, decoded(field, request.header(field) ?? ''));
    }
    const type = request.header('content-type');
    if (type !== undefined) attributes.set('datacontenttype', type);
    const members = [...attributes].map(([name, value]) => [name, JSON.stringify(value)]);
    if (body.length > 0) members.push(dataOf(body, type ?? ''));
    return `{${members.map(([name = '', value = '']) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
  });
}

/** The value of an attribute as it was before it became a header field ([CloudEvents] HTTP binding 3.1.3.2). */
function decoded(field: string, value: string): string {
  const [, quoted] = /^"(.*)"$/s.exec(value) ?? [];
  const text = quoted === undefined ? value : quoted.replaceAll(/\\(.)/gs, '$1');
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new JsonTextError(`its ${field} is ${shown(value)}, which is not percent-encoded UTF-8`, { cause: error });
  }
}

/** The member for the data of a CloudEvent ([CloudEvents] JSON format 3.1). */
function dataOf(body: Uint8Array, contentType: string): [name: string, text: string] {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  const mediaType = type.trim();
  if (/[/+]json$/.test(mediaType)) {
    const text = jsonOf(body);
    at('Its body', () => void valueOf(text));
    return ['data', text.trim()];
  }
  const charset = parameters
    .find((text) => /^\s*charset=/.test(text))
    ?.replace(/^.*?=/, '')
    .replaceAll(/[" ]/g, '');
  const isText = /^text\/|[/+]xml$|^application\/x-www-form-urlencoded$/.test(mediaType);
  if (isText && (charset === undefined || charset === 'utf-8' || charset === 'us-ascii')) {
    const text = Buffer.from(body).toString('utf8');
    if (Buffer.from(text).equals(body)) return ['data', JSON.stringify(text)];
  }
  return ['data_base64', JSON.stringify(Buffer.from(body).toString('base64'))];
}

function eventOf(text: string, { topic, private: isPrivate, limits }: CloudEventTarget): NewEvent {
  // Before anything of it is parsed: it could become many times as large in memory.
  checkData(text, limits.maxEventBytes);
  const attributes = attributesOf(text);
  for (const name of REQUIRED) {
    const value = attributes.get(name);
    if (value === undefined) throw new JsonTextError(`it has no ${name}; a CloudEvent needs ${REQUIRED.join(', ')}`);
  }
  for (const name of [...REQUIRED, ...OPTIONAL]) {
    const value = attributes.get(name);
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw new JsonTextError(`its ${name} is ${JSON.stringify(value)}, but must be a string that is not empty`);
    }
  }
  const time = attributes.get('time');
  if (typeof time === 'string' && !TIME.test(time))
    throw new JsonTextError(`its time is ${shown(time)}, but must be one such as 2026-11-28T10:00:00Z`);
  const version = attributes.get('specversion');
  if (version !== '1.0') throw new JsonTextError(`its specversion is ${shown(String(version))}; allowed is 1.0`);
  const type = String(attributes.get('type'));
  checkType(type);
  return { topics: [topic ?? topicOf(attributes)], fields: { event: type, data: text }, private: isPrivate };
}

/** The attributes that are set, checked. The data is JSON, too. */
function attributesOf(text: string): ReadonlyMap<string, unknown> {
  const attributes = new Map<string, unknown>();
  const names = new Set<string>();
  for (const [name, valueText] of membersOf(text)) {
    if (names.has(name)) throw twice(name);
    names.add(name);
    if (names.has('data') && names.has('data_base64')) {
      throw new JsonTextError('it has data and data_base64; one of them is allowed');
    }
    const value = valueOf(valueText);
    if (name === 'data') continue;
    if (name !== 'data_base64' && !/^[a-z0-9]+$/.test(name)) {
      throw new JsonTextError(`it has the attribute ${shown(name)}; names of a to z and 0 to 9 are allowed`);
    }
    if (value === null) continue;
    const isAllowed = typeof value === 'string' || typeof value === 'boolean' || Number.isInteger(value);
    if (!isAllowed || (name === 'data_base64' && typeof value !== 'string')) {
      throw new JsonTextError(`its ${name} is ${kindOf(valueText)}, but must be a string, a boolean or an integer`);
    }
    if (name === 'data_base64' && typeof value === 'string' && !isBase64(value))
      throw new JsonTextError(`its data_base64 is ${shown(value)}, which is no Base64 (RFC 4648, 4)`);
    attributes.set(name, value);
  }
  return attributes;
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && !/[^A-Za-z\d+/]/.test(text.replace(/={1,2}$/, ''));
}

function topicOf(attributes: ReadonlyMap<string, unknown>): string {
  const topic = attributes.get('topic');
  if (topic === undefined) {
    throw new Problem(
      'invalid-topic',
      'it has no topic: name it in its attribute topic, or publish to /topics/{topic}',
    );
  }
  if (typeof topic !== 'string') throw new JsonTextError(`its topic is ${JSON.stringify(topic)}, but must be a string`);
  return checkTopic(topic);
}
