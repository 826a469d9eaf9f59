import type { BalancerConfiguration, ValidationOptions } from '@higgins/balancing';
import { type ConfigurationFile, loadConfigurationFile } from './configuration-file.js';
import type { DesiredObserver, DesiredSource } from './desired-source.js';

/** Desired state from a file in any form that this node reads. It is read at the start and when asked to, never by itself. */
export class FileDesiredSource implements DesiredSource {
  readonly name: string;
  readonly heardWallMs = null;
  readonly #options: ValidationOptions;
  readonly #noted: (file: ConfigurationFile) => void;

  /** `noted` hears what is worth knowing of each file that was read. */
  constructor(path: string, options: ValidationOptions, noted: (file: ConfigurationFile) => void) {
    this.name = path;
    this.#options = options;
    this.#noted = noted;
  }

  async open(): Promise<BalancerConfiguration> {
    return await this.reread();
  }

  start(_observer: DesiredObserver): void {
    // A file says nothing by itself.
  }

  async reread(): Promise<BalancerConfiguration> {
    const file = loadConfigurationFile(this.name, this.#options);
    this.#noted(file);
    return file.configuration;
  }

  applied(): void {
    // The file itself is what is known of it after a restart.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held.
  }
}
