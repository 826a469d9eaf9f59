import type { BalancerConfiguration } from '@higgins/balancing';

/** Where the desired state comes from: a file, or the bus. The core can't tell one from the other. */
export interface DesiredSource extends AsyncDisposable {
  /** Path of the file, or of the track. */
  readonly name: string;
  /**
   * What is wanted at the start; null if nothing is known yet.
   *
   * @throws Error that names what is wrong, if it can't be used
   */
  open(): Promise<BalancerConfiguration | null>;
  /** What was on its way to the kernel when an earlier life ended, known after `open`; absent or null: nothing. */
  readonly underWay?: BalancerConfiguration | null;
  /** Tells of changes from now on. */
  start(observer: DesiredObserver): void;
  /** Reads anew. @throws as `open`. */
  reread(): Promise<BalancerConfiguration>;
  /** A configuration that came from here is about to be put in force: who could forget it remembers it first. */
  keep?(configuration: BalancerConfiguration): Promise<void>;
  /** A configuration that came from here is in force. */
  applied(configuration: BalancerConfiguration): void;
  /** When the source was last heard to be alive, on the wall clock; null for one that can't fall silent. */
  readonly heardWallMs: number | null;
}

/** Takes what a source tells. */
export interface DesiredObserver {
  changed(configuration: BalancerConfiguration): void;
  /** What came can't be used; what is in force stays. */
  refused(reason: string): void;
  /** Why the source can't be trusted to be up to date, or null once it can again. */
  stale(reason: string | null): void;
}
