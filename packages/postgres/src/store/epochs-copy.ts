import { Epochs, newEpoch } from '@tidings/server/log';
import type { Ask } from './connection.ts';

/** This node's copy of the numberings of the log. */
export class EpochsCopy {
  #epochs: Epochs | undefined;

  /** The numberings as of the present epoch of a head. They change rarely, and are read anew then. */
  async of(ask: Ask, current: string): Promise<Epochs> {
    if (this.#epochs?.current === current) return this.#epochs;
    const earlier = await ask<{ epoch: string; through: number }>('select epoch, through from @epochs order by number');
    // One may have begun since the head was read.
    const end = earlier.findIndex(({ epoch }) => epoch === current);
    const before = end === -1 ? earlier : earlier.slice(0, end);
    return (this.#epochs = new Epochs(current, before));
  }

  /** Begins a new epoch behind the newest event, as part of a transaction that has locked the head. Returns its name. */
  async begin(ask: Ask, current: string, head: number, now: number): Promise<string> {
    const epochs = (await this.of(ask, current)).begin(newEpoch(now), head);
    await ask('delete from @epochs where epoch not in (select json_array_elements_text($1::json))', [
      JSON.stringify(epochs.earlier.map(({ epoch }) => epoch)),
    ]);
    await ask('insert into @epochs (epoch, through) values ($1, $2)', [current, head]);
    return epochs.current;
  }
}
