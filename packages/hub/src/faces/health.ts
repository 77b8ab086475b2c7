import { formatCursor } from '@tidings/server/log';
import { may } from '@tidings/server/live';
import { jsonAnswer } from '../http/answer.ts';
import type { MakeFace } from './face.ts';

/** `GET /healthz` (PROTOCOL §8). */
export function health(): MakeFace {
  return (context) => ({
    name: 'health',
    match: ({ pathname }) => (pathname === '/healthz' ? ['GET'] : undefined),
    handle({ rights }) {
      const { fanOut } = context;
      const reason = fanOut.isFollowing ? context.writes.failure : 'The store of the log is out of reach';
      const { position } = fanOut;
      // The reason may name a folder and a disk: it is for those who run the hub, not for strangers.
      const shown = rights.subject !== undefined && may(rights, 'publish', '') ? { reason } : {};
      const state = reason === undefined ? { status: 'ok' } : { status: 'failing', ...shown };
      // The log has not said where it is before it was reached for the first time.
      const place = position.epoch === '' ? {} : { epoch: position.epoch, cursor: formatCursor(position) };
      const document = { ...state, ...place, listeners: fanOut.listeners };
      return jsonAnswer(reason === undefined ? 200 : 503, JSON.stringify(document));
    },
  });
}
