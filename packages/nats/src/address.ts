import { shown, suggestion } from '@tidings/server/log';
import { NatsError } from './errors.ts';
import { isDecodable, type NatsLogOptions } from './options.ts';

const PARTS = /^(nats|tls):\/\/(?:([^/?#@]+)@)?([^/?#@]+)(?:\/([^/?#]*))?(?:\?([^#]*))?$/;

// What stands before the last host has a host or another @ in it. A comma or an @ of a password would look the same.
const STRAY = /^(?:nats|tls):\/\/[^/?#]*[,@][^/?#]*@/;

const NUMBERS = ['replicas', 'waitMs', 'compactBytes'] as const;

type FromUrl = Pick<NatsLogOptions, 'servers' | 'name' | 'waitMs' | 'compactBytes' | 'replicas'>;

/**
 * Reads a URL that says all about a log: `nats://user:password@host:4222,other:4222/name?replicas=3&waitMs=10000&compactBytes=67108864`. Everything but the first host may
 * be left out.
 * @throws {NatsError} `ERR_INVALID_OPTION`
 */
export function readUrl(url: string): FromUrl {
  if (STRAY.test(url)) {
    throw refused(
      'The URL of the log has a comma or an @ before the last @: user and password, or the token, stand before the first host alone and count for all of them, and in a password , is written %2C and @ is written %40',
    );
  }
  const [, scheme = '', user, hosts = '', name = '', query = ''] = PARTS.exec(url) ?? [];
  // It may hold a password, so that it is not shown.
  if (scheme === '') {
    throw refused('The URL of the log has another form than nats://host:4222,host:4222/name?replicas=3');
  }
  if (!isDecodable(url)) {
    throw refused(
      'The URL of the log has a % that two hexadecimal digits of a character do not follow: a % itself is written %25',
    );
  }
  const before = user === undefined ? '' : `${user}@`;
  const numbers: Partial<Record<(typeof NUMBERS)[number], number>> = {};
  for (const [key, value] of new URLSearchParams(query)) {
    const known = NUMBERS.find((one) => one === key);
    if (!known) {
      const found = `The URL of the log has the parameter ${shown(key)}`;
      throw refused(`${found}; allowed are ${NUMBERS.join(', ')}${suggestion(key, NUMBERS)}`);
    }
    if (numbers[known] !== undefined) {
      throw refused(`The URL of the log has the parameter ${known} twice; once is allowed`);
    }
    if (!/^\d{1,15}$/.test(value))
      throw refused(`The parameter ${known} is ${shown(value)}, but must be a whole number of at most 15 digits`);
    numbers[known] = Number(value);
  }
  return {
    servers: hosts.split(',').map((host, index) => `${scheme}://${index === 0 ? before : ''}${host}`),
    ...(name === '' ? {} : { name }),
    ...(numbers as Omit<FromUrl, 'servers' | 'name'>),
  };
}

function refused(message: string): NatsError {
  return new NatsError('ERR_INVALID_OPTION', message);
}
