import type { ExplainedMercureToken, TokenGrant, TokenMatcher } from '@tidings/hub';
import { visible } from '../terminal/output.ts';

/** What a grant allows, as what completes the sentence "it lets its sender …". */
export function describeGrant({ publish = [], listen = [], presence = [], admin = false }: TokenGrant): string {
  const parts = [
    ...(publish.length === 0 ? [] : [`publish to ${describeMatchers(publish)}`]),
    ...(listen.length === 0 ? [] : [`listen to ${describeMatchers(listen)} (private events, too)`]),
    ...(presence.length === 0
      ? []
      : [
          `see who listens to ${describeMatchers(presence)}${isHeard(presence, listen) ? '' : ', as far as it may listen to that itself'}`,
        ]),
    ...(admin ? ['administer the hub'] : []),
  ];
  return sentence(parts);
}

/** Whether all topics of which it may see who listens are surely topics that it may listen to itself. Without that the hub tells it nothing. */
function isHeard(presence: readonly TokenMatcher[], listen: readonly TokenMatcher[]): boolean {
  const known = new Set(listen.map((matcher) => JSON.stringify(matcher)));
  return listen.includes('*') || presence.every((matcher) => known.has(JSON.stringify(matcher)));
}

/** What a token of Mercure allows, in the same way. */
export function describeMercure({ publish, subscribe, listens }: NonNullable<ExplainedMercureToken['grant']>): string {
  const parts = [
    ...(publish.length === 0 ? [] : [`publish to ${describeMatchers(publish)}`]),
    ...(listens ? ['subscribe to public updates'] : []),
    ...(subscribe.length === 0 ? [] : [`get private updates of ${describeMatchers(subscribe)}`]),
  ];
  return sentence(parts);
}

function sentence(parts: readonly string[]): string {
  if (parts.length === 0) return 'do nothing';
  return parts.length === 1 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

function describeMatchers(matchers: readonly TokenMatcher[]): string {
  if (matchers.includes('*')) return 'all topics';
  return matchers
    .map((matcher) => (typeof matcher === 'string' ? visible(matcher) : `the topics of ${visible(matcher.pattern)}`))
    .join(', ');
}
