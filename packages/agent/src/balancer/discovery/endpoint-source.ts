import type { BalancerConfiguration, ValidationOptions } from '@higgins/balancing';
import type { Runtime } from '@higgins/runtime';
import { reasonOf } from '../../reason.js';
import { type ConfigurationFile, loadConfigurationFile } from '../io/configuration-file.js';
import type { DesiredObserver, DesiredSource } from '../io/desired-source.js';
import { EndpointFiles } from './endpoint-files.js';

/** What a configuration with endpoints of its own files is made of. */
export interface EndpointSourceOptions {
  /** The configuration: Gateway API documents, which name the Services. */
  readonly path: string;
  /** File or directory with the EndpointSlices. */
  readonly endpoints: string;
  readonly validation: ValidationOptions;
  readonly runtime: Pick<Runtime, 'bootMs' | 'at'>;
  /** Hears what is worth knowing of each configuration that was read. */
  readonly noted: (file: ConfigurationFile) => void;
}

/**
 * Desired state from a file whose members come from EndpointSlices in other files. The configuration is read at the start
 * and when asked to; the endpoints are followed by themselves, within the configuration as it stands then.
 */
export class EndpointSource implements DesiredSource {
  readonly name: string;
  readonly heardWallMs = null;
  readonly #options: EndpointSourceOptions;
  readonly #files: EndpointFiles;
  #observer: DesiredObserver | null = null;
  #stale: string | null = null;

  constructor(options: EndpointSourceOptions) {
    this.name = options.path;
    this.#options = options;
    this.#files = new EndpointFiles(options.endpoints, options.runtime, {
      changed: () => this.#changed(),
      stale: (reason) => {
        this.#stale = reason;
        this.#observer?.stale(reason);
      },
    });
  }

  /** @throws ConfigError */
  async open(): Promise<BalancerConfiguration> {
    this.#files.start();
    return this.#read();
  }

  start(observer: DesiredObserver): void {
    this.#observer = observer;
    if (this.#stale !== null) observer.stale(this.#stale);
  }

  /** @throws ConfigError */
  async reread(): Promise<BalancerConfiguration> {
    this.#files.reload();
    return this.#read();
  }

  applied(): void {
    // The files themselves are what is known of them after a restart.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#observer = null;
    this.#files[Symbol.dispose]();
  }

  #changed(): void {
    const observer = this.#observer;
    if (observer === null) return;
    try {
      observer.changed(this.#read());
    } catch (error) {
      observer.refused(reasonOf(error));
    }
  }

  #read(): BalancerConfiguration {
    const { path, validation, noted } = this.#options;
    const file = loadConfigurationFile(path, { ...validation, endpoints: this.#files.documents });
    noted(file);
    return file.configuration;
  }
}
