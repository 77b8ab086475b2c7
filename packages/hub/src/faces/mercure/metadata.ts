import type { Answer } from '@tidings/server/live';
import { jsonAnswer } from '../../http/answer.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';
import { hubUrl } from './addresses.ts';
import { DETAIL_TYPE } from './grants.ts';
import { MATCH_TYPES } from './matchers.ts';
import type { MercureSettings } from './options.ts';

/** Answers with what a client has to know to get a token for this hub (RFC 9728). */
export function answerMetadata(context: FaceContext, settings: MercureSettings, { url }: Exchange): Answer {
  const servers = context.access?.tokens.issuers.filter((name) => name.startsWith('https:')) ?? [];
  return jsonAnswer(
    200,
    JSON.stringify({
      resource: hubUrl(context, url),
      authorization_servers: servers.length === 0 ? undefined : servers,
      authorization_details_types_supported: [DETAIL_TYPE],
      bearer_methods_supported: ['header'],
      mercure_cookie: settings.cookies.new,
      mercure_matcher_types_supported: MATCH_TYPES,
      mercure_subscriptions: settings.subscriptions,
    }),
  );
}
