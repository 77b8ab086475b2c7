import { decodePart } from '../../http/percent.ts';
import { Problem } from '../../http/problem.ts';

// Guards the memory: small fields cost far more than their bytes.
const MAX_FIELDS = 1000;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a form (application/x-www-form-urlencoded), whose texts have to be valid UTF-8.
 * @throws {Problem} `invalid-parameter`, `too-large`
 */
export function readForm(bytes: Uint8Array): URLSearchParams {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (error) {
    throw notUtf8(error);
  }
  const fields = text.split('&', MAX_FIELDS + 1);
  if (fields.length > MAX_FIELDS) {
    throw new Problem('too-large', `The form has more than ${MAX_FIELDS} fields, which is the most`);
  }
  const form = new URLSearchParams();
  for (const field of fields) {
    if (field === '') continue;
    const at = field.indexOf('=');
    const [name, value] = at === -1 ? [field, ''] : [field.slice(0, at), field.slice(at + 1)];
    form.append(decoded(name), decoded(value));
  }
  return form;
}

function decoded(part: string): string {
  try {
    return decodePart(part);
  } catch (error) {
    throw notUtf8(error);
  }
}

function notUtf8(cause: unknown): Problem {
  return new Problem('invalid-parameter', 'The form is not valid UTF-8', { cause });
}
