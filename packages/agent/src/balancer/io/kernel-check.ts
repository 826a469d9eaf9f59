import { missingFeature } from '../../targets/maglev/features.js';
import { type KernelFinding, type KernelReport, probeKernel } from '../../targets/maglev/findings.js';
import type { DesiredBalancer } from '../../targets/maglev/model.js';
import { NftError } from '../../targets/nft/errors.js';
import { ConfigurationError } from '../core/layout.js';

/** What was found out about the node at the start, and what follows from it. */
export class KernelCheck {
  readonly #report: KernelReport;

  /** `report`: as the probe of the kernel gave it. */
  constructor(report: KernelReport) {
    this.#report = report;
  }

  /** Looks at the node. @throws NftError `not-permitted` if nothing can be balanced here, with every remedy. */
  static async open(): Promise<KernelCheck> {
    const report = await probeKernel();
    const fatal = report.findings.filter(({ severity }) => severity === 'fatal');
    if (fatal.length > 0) throw new NftError('not-permitted', fatal.map(textOf).join('\n'));
    return new KernelCheck(report);
  }

  /** What is not as it should be, with the remedies; nothing of it is changed. */
  get warnings(): readonly string[] {
    return this.#report.findings.map(textOf);
  }

  /** @throws ConfigurationError naming the first service that takes what this kernel lacks. */
  require({ services }: DesiredBalancer): void {
    for (const service of services) {
      const reason = missingFeature(service, this.#report.features);
      if (reason !== null) throw new ConfigurationError(`service ${service.id}: ${reason}`);
    }
  }
}

function textOf({ about, message, remedy }: KernelFinding): string {
  return `${about}: ${message} (${remedy})`;
}
