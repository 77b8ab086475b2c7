/** A process of the simulated system: what it has planned is not done once it is dead, and waits while it is stopped. */
export class Process {
  readonly name: string;
  isAlive = true;
  /** Nothing of it runs before this time. */
  stoppedUntil = 0;

  constructor(name: string) {
    this.name = name;
  }
}
