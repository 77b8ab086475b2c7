import { shown } from '../errors.ts';
import type { View } from '../live/cohort.ts';
import type { AdmissionRequest } from './admission.ts';
import { EventReader } from './event-reader.ts';
import type { Rights } from './rights.ts';

/** Makes the views of listeners. */
export class Views {
  readonly #reader = new EventReader();
  /** Makes the keys of filters that have none. */
  #filters = 0;

  /** The view of the request, with the filter of its rights and its kind of heartbeat. */
  of({ view, parameters }: Pick<AdmissionRequest, 'view' | 'parameters'>, rights: Rights): View | undefined {
    const base = view(rights);
    if (!base) return undefined;
    const { heartbeat = 'auto' } = parameters;
    const kept: View = heartbeat === 'auto' ? base : { ...base, key: `${heartbeat} ${base.key}`, heartbeat };
    return rights.filter ? this.#filtered(kept, rights.filter, rights.filterKey) : kept;
  }

  /** Listeners whose filters have the same key are one cohort. A filter without a key belongs to one listener. */
  #filtered(view: View, filter: NonNullable<Rights['filter']>, filterKey: string | undefined): View {
    const own = filterKey === undefined ? `own ${(this.#filters += 1)}` : `key ${filterKey}`;
    return {
      ...view,
      key: JSON.stringify(['filter', view.key, own]),
      accepts: (entry) => {
        if (view.accepts?.(entry) === false) return false;
        const accepted: unknown = filter(this.#reader.read(entry));
        // A promise would be taken for a yes.
        if (typeof accepted === 'boolean') return accepted;
        throw new TypeError(`Cannot filter events: the filter returned ${shown(accepted)}, but must return a boolean`);
      },
    };
  }
}
