import type { Replica } from '../replica/replica.ts';
import type { Delivered } from '../store/delivery.ts';
import type { Store } from '../store/store.ts';

// How many messages that the store left out are asked for one by one, before the delivery is begun anew. They are in memory together.
const MAX_LEFT_OUT = 32;

/**
 * The messages that the stream has between one that a node has carried out and one that was delivered to it. A number is free where the store refused a message. But the
 * store may also leave messages out that it has: nats-server 2.9 does so when anybody purges the stream with a filter. So its word is taken for each hole.
 * @param created when the stream was made of which the replica is
 * @throws if the node has to be delivered the messages anew, or cannot get them any more
 */
export async function leftOut(
  store: Store,
  { at, hasBegun }: Replica,
  created: string,
  delivered: number,
): Promise<readonly Delivered[]> {
  const found: Delivered[] = [];
  for (let from = at + 1; ;) {
    const next = await store.next(from);
    if (!next || next.seq > delivered) throw removed();
    if (next.seq === delivered) break;
    if (found.length === MAX_LEFT_OUT) throw new Error('The store left out messages that it has');
    found.push(next);
    from = next.seq + 1;
  }
  // Asked last: what was removed until now may not be in what was found.
  const state = await store.state();
  if (state?.created !== created || (hasBegun && state.first > at + 1)) throw removed();
  return found;
}

/** Whether another node has removed what comes after a number: then this one is delivered nothing until somebody writes. */
export async function isRemoved(store: Store, at: number): Promise<boolean> {
  if (!store.isConnected) return false;
  const state = await store.state();
  return state !== undefined && state.first > at + 1;
}

function removed(): Error {
  return new Error('Messages were removed before this node had them');
}
