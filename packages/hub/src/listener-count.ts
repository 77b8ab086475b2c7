import type { HubLimits } from './limits.ts';
import { Problem } from './http/problem.ts';

/** How many streams are open, in all and for each address (PROTOCOL §11). */
export class ListenerCount {
  readonly #limits: HubLimits;
  readonly #perAddress = new Map<string, number>();
  #total = 0;

  constructor(limits: HubLimits) {
    this.#limits = limits;
  }

  /**
   * Counts a listener. Gives the function to call when it has left.
   * @throws {Problem} `too-many-listeners`, `too-many-listeners-of-address`
   */
  enter(address: string | undefined): () => void {
    const { maxListeners, maxListenersPerAddress } = this.#limits;
    const headers = { 'Retry-After': '5' };
    if (this.#total >= maxListeners) {
      throw new Problem('too-many-listeners', `This hub has its ${maxListeners} listeners`, { headers });
    }
    if (address !== undefined && (this.#perAddress.get(address) ?? 0) >= maxListenersPerAddress) {
      const detail = `There are ${maxListenersPerAddress} listeners from ${address} already`;
      throw new Problem('too-many-listeners-of-address', detail, { headers });
    }
    this.#total += 1;
    this.#add(address, 1);
    return () => {
      this.#total -= 1;
      this.#add(address, -1);
    };
  }

  #add(address: string | undefined, change: number): void {
    if (address === undefined) return;
    const count = (this.#perAddress.get(address) ?? 0) + change;
    if (count > 0) this.#perAddress.set(address, count);
    else this.#perAddress.delete(address);
  }
}
