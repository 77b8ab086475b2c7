import type { Keep, TopicRetention } from '@tidings/hub';
import { Option } from 'commander';
import { AGE, asList, COUNT, parseValue, SIZE } from '../command-line/option.ts';
import { meant } from '../command-line/usage-error.ts';
import { CliError } from '../errors.ts';

/** Topics, and what is kept of each of them. */
export type RetainRule = TopicRetention & {
  readonly topics: readonly [{ readonly pattern: string; readonly base: string }];
};

// Topics are matched as parts of URLs. Which host these have makes no difference for a pattern that names none.
const BASE = 'http://localhost/topics/';

const EXAMPLE = "'logs/*=age:1d,bytes:100MiB'";

const KEEPS: readonly Keep[] = ['all', 'latest'];

const KEEP = {
  parse: (text: string): Keep | undefined => KEEPS.find((keep) => keep === text),
  allowed: 'one of all, latest',
};

const BOUNDS = ['age', 'count', 'bytes', 'keep'] as const;

/** The option that says what is kept of some topics. It may be given several times. */
export function retainOption(): Option {
  const made = new Option(
    '--retain <pattern=bounds>',
    'what is kept of each topic that a URL pattern matches: age:<duration>, count:<number>, bytes:<size> and keep:latest or ' +
      'keep:all, separated by commas. The first pattern that matches a topic counts. --retain-age, -bytes and -events hold as well, for ' +
      'the latest values, too (repeatable)',
  );
  return asList(made, parseRule);
}

/** @throws {CliError} `ERR_USAGE` */
export function parseRule(text: string): RetainRule {
  // A topic may have a "=", and bounds have none.
  const at = text.lastIndexOf('=');
  const pattern = text.slice(0, Math.max(0, at));
  if (pattern === '') {
    throw mistake(text, `must be a pattern of topics, "=" and what is kept of each of them, such as ${EXAMPLE}`);
  }
  const values = new Map<string, string>();
  for (const part of text.slice(at + 1).split(',')) {
    const [, name = '', value = ''] = /^([^:]*):?(.*)$/s.exec(part.trim()) ?? [];
    if (!BOUNDS.some((bound) => bound === name)) {
      const found = name === '' ? 'nothing' : JSON.stringify(name);
      throw mistake(
        text,
        `has ${found} where one of ${BOUNDS.join(', ')} is allowed, such as ${EXAMPLE}${meant(name, BOUNDS)}`,
      );
    }
    if (values.has(name)) throw mistake(text, `has ${name} twice`);
    values.set(name, value);
  }
  const bound = (name: string, format: typeof AGE): number | undefined => {
    const value = values.get(name);
    const parsed =
      value === undefined ? Infinity : parseValue(`${name} of --retain ${JSON.stringify(text)}`, value, format);
    return parsed === Infinity ? undefined : parsed;
  };
  const [maxAgeMs, maxEvents, maxBytes] = [bound('age', AGE), bound('count', COUNT), bound('bytes', SIZE)];
  const keep = values.get('keep');
  return {
    topics: [{ pattern, base: BASE }],
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    ...(maxEvents === undefined ? {} : { maxEvents }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(keep === undefined ? {} : { keep: parseValue(`keep of --retain ${JSON.stringify(text)}`, keep, KEEP) }),
  };
}

function mistake(text: string, what: string): CliError {
  return new CliError('ERR_USAGE', `--retain ${JSON.stringify(text)} ${what}`);
}
