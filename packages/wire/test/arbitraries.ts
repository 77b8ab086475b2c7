import fc from 'fast-check';
import type { EventFields } from '@tidings/wire';

/** Text that breaks encoders: line ends of every kind, what looks like a field, half a pair of surrogates. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom('\r', '\n', '\r\n', ' ', ':', 'data: x', 'id: 9', '\ufeff', 'a', '語', '\ud83d'), {
      maxLength: 10,
    })
    .map((parts) => parts.join('')),
);

/** Text that an id or a type may be. */
export const singleLine: fc.Arbitrary<string> = anyText.map((value) => value.replace(/[\0\r\n]/g, ''));

/** The fields of an event with data. */
export const fieldsWithData: fc.Arbitrary<EventFields> = fc.record(
  { event: singleLine, data: anyText, id: singleLine, retry: fc.maxSafeNat(), comment: anyText },
  { requiredKeys: ['data'] },
);

/** The text with its lines separated by LF, as they are read. */
export function lines(value: string): string {
  return value.replace(/\r\n|\r/g, '\n');
}

/** The text as UTF-8 gives it back: a lone surrogate becomes U+FFFD. */
export function wellFormed(value: string): string {
  return value.replace(/\p{Surrogate}/gu, '\ufffd');
}

/** The fields as they are read back: without the comment, and without a type that means `message`. */
export function normalised(fields: EventFields, { asText = false } = {}): EventFields {
  const read = asText ? (value: string): string => value : wellFormed;
  const { event = '', data = '', id, retry } = fields;
  return {
    data: lines(read(data)),
    ...(event === '' || event === 'message' ? {} : { event: read(event) }),
    ...(id === undefined ? {} : { id: read(id) }),
    ...(retry === undefined ? {} : { retry }),
  };
}
