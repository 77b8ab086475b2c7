import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { layOutJson } from '../src/json-layout.ts';

function text(json: string): string | undefined {
  return layOutJson(json)
    ?.map((line) => line.map((run) => run.text).join(''))
    .join('\n');
}

test('JSON means the same after it was laid out', () => {
  const container = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()));
  fc.assert(
    fc.property(container, fc.constantFrom(undefined, 1), (value, space) => {
      const json = JSON.stringify(value, undefined, space);
      expect(JSON.parse(text(json) ?? '')).toEqual(JSON.parse(json));
    }),
  );
});

test('JSON is shown with its numbers, escapes and doubled keys as they were written', () => {
  expect(text('{"n":12345678901234567890,"n":1.0}')).toBe('{ "n": 12345678901234567890, "n": 1.0 }');
  expect(text('["\\u00e9 \\" , {"]')).toBe('["\\u00e9 \\" , {"]');
});

test('a short object stays on one line, one that holds another is indented', () => {
  expect(text('{"a":{"b":[1,2]},"c":{},"d":[]}')).toBe(
    ['{', '  "a": {', '    "b": [1, 2]', '  },', '  "c": {},', '  "d": []', '}'].join('\n'),
  );
});

test('a long object without another one in it is indented', () => {
  const long = 'x'.repeat(60);
  expect(text(`{"a":"${long}"}`)).toBe(`{\n  "a": "${long}"\n}`);
});

test('keys, strings, numbers and words are told apart', () => {
  const runs = layOutJson('{"k":"s","n":-1,"w":null}')?.flat() ?? [];
  const kinds = runs.filter(({ kind }) => kind !== 'mark').map(({ kind, text: written }) => `${kind} ${written}`);
  expect(kinds).toEqual(['key "k"', 'string "s"', 'key "n"', 'number -1', 'key "w"', 'word null']);
});

test('text that is no JSON object or list is not laid out', () => {
  for (const other of ['', 'hello', '42', '"s"', '{', '{"a":}', '[1] [2]', '{a:1}'])
    expect(layOutJson(other)).toBeUndefined();
});

test('JSON as large or as deep as the hub takes is laid out', () => {
  expect(text(JSON.stringify(['x'.repeat(1 << 20)]))).toContain('xxx');
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  expect(layOutJson(deep)?.length).toBeGreaterThan(100_000);
});
