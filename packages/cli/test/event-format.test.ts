import { expect, test } from 'vitest';
import { describeGap, formatEvent, formatJson, openEnvelope } from '../src/listen/event-format.ts';

// Local time, so that the test is the same in every zone.
const time = new Date(2026, 10, 21, 14, 2, 11);
const event = { topic: 'orders', time: time.toISOString(), id: 'e.42', type: 'message', data: '{"n":1}' };
const plain = { showTopic: false, colours: false, now: () => time.getTime() };

test('an event is one line of time, id and data', () => {
  expect(formatEvent(event, plain)).toBe('14:02:11  e.42  {"n":1}\n');
});

test('the topic is named among several, the type where it is not "message", the date where it is another day', () => {
  const options = { ...plain, showTopic: true, now: () => time.getTime() + 86_400_000 };
  expect(formatEvent({ ...event, type: 'made' }, options)).toBe('2026-11-21 14:02:11  e.42  orders  made  {"n":1}\n');
});

test('data of several lines stands below its head, indented', () => {
  expect(formatEvent({ ...event, data: 'one\n\ntwo' }, plain)).toBe('14:02:11  e.42\n          one\n\n          two\n');
});

test('an event without data ends at its id', () => {
  expect(formatEvent({ ...event, data: '' }, plain)).toBe('14:02:11  e.42\n');
});

test('colours dim time and id', () => {
  expect(formatEvent(event, { ...plain, colours: true })).toBe(
    '\u001B[2m14:02:11\u001B[0m  \u001B[2me.42\u001B[0m  {"n":1}\n',
  );
});

test('control characters are shown, not obeyed; tabs stay', () => {
  const hostile = { ...event, id: 'e\u001B[2J', type: '\u007F', data: '\u001B]0;owned\u0007\tok\u009B31m' };
  expect(formatEvent(hostile, plain)).toBe('14:02:11  e␛[2J  ␡  ␛]0;owned␇\tok\uFFFD31m\n');
});

test('JSON holds exactly what was received', () => {
  const odd = { ...event, data: 'a\n\u001B"\u2028' };
  const line = formatJson(odd);
  expect(line.indexOf('\n')).toBe(line.length - 1);
  expect(JSON.parse(line)).toEqual(odd);
});

test('a gap says what is missing and why', () => {
  expect(describeGap({ after: 'e.1', resumedAt: 'e.5', reason: 'trimmed' })).toBe(
    'Gap: events after e.1 are missing, because the hub no longer keeps them',
  );
  expect(describeGap({ after: 'x', resumedAt: 'e.5', reason: 'unknown' })).toContain('events after x may be missing');
  expect(describeGap({ after: 'x', resumedAt: 'e.5', reason: 'later\u001B' })).toContain('later␛');
});

test('an envelope is opened, what is none stays as it is', () => {
  const message = { type: 'made', lastEventId: 'e.1' };
  expect(openEnvelope({ ...message, data: '{"topic":"t","time":"2026","data":"d"}' })).toEqual({
    topic: 't',
    time: '2026',
    id: 'e.1',
    type: 'made',
    data: 'd',
  });
  for (const data of ['hello', '{"topic":1}', '{', 'null']) {
    expect(openEnvelope({ ...message, data })).toEqual({ topic: '', time: '', id: 'e.1', type: 'made', data });
  }
});
