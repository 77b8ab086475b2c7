import { ServerError, suggestion } from '../../errors.ts';

const FIELD_NAMES: readonly string[] = ['data', 'event', 'id', 'retry', 'comment'];

/** What belongs beside the fields, as a member of an event or as an option of a publish. */
const BESIDE: readonly string[] = ['private', 'key', 'latestKey', 'forget', 'final', 'leases'];

/** Refuses a field that would be right under another name, or beside the fields. Any other the encoder refuses. @throws {ServerError} `ERR_INVALID_EVENT` */
export function checkPlace(name: string): void {
  const field = suggestion(name, FIELD_NAMES);
  const beside = field === '' ? suggestion(name, BESIDE) : '';
  if (field === '' && beside === '') return;
  const where = field === '' ? `${beside.slice(0, -1)}, beside the fields?` : field;
  throw new ServerError(
    'ERR_INVALID_EVENT',
    `The fields of an event have ${JSON.stringify(name)}; allowed are ${FIELD_NAMES.join(', ')}${where}`,
  );
}
