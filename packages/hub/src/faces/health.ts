import { formatCursor } from '@tidings/server/log';
import { allowedBy, may } from '@tidings/server/live';
import { jsonAnswer } from '../http/answer.ts';
import { ownRights } from '../access/everyone.ts';
import type { Rights } from '@tidings/server';
import type { MakeFace } from './face.ts';

/** `GET /healthz` (PROTOCOL §8). */
export function health(): MakeFace {
  return (context) => ({
    name: 'health',
    match: ({ pathname }) => (pathname === '/healthz' ? ['GET'] : undefined),
    async handle({ rights }) {
      const { fanOut } = context;
      const { listeners, lastWrite } = await context.states.get();
      const reason = fanOut.isFollowing ? lastWrite.failure : 'The store of the log is out of reach';
      const { position } = fanOut;
      // The reason may name a folder or a disk, so only a sender that is named and may publish everything sees it.
      const shown = rights.subject !== undefined && may(ownRights(rights), 'publish', '') ? { reason } : {};
      const state = reason === undefined ? { status: 'ok' } : { status: 'failing', ...shown };
      // Before the log has been reached for the first time, its position is unknown.
      const { epoch } = position;
      // The position moves with private events, so only a sender that may get all of them sees it.
      const { listen = 'all' } = rights;
      const cursor = listen === 'all' && rights.private === 'all' ? { cursor: formatCursor(position) } : {};
      const place = epoch === '' ? {} : { epoch, ...cursor };
      const document = { ...state, ...place, listeners, may: allowedTo(rights) };
      return jsonAnswer(reason === undefined ? 200 : 503, JSON.stringify(document));
    },
  });
}

/** What a sender may do on some topic. A page learns by it what lines to offer. */
function allowedTo(rights: Rights): readonly string[] {
  return (['listen', 'publish', 'manage'] as const).filter((action) => allowedBy(rights, action).length > 0);
}
