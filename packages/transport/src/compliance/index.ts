import { connectionCases } from './connection-cases.js';
import type { ComplianceCase } from './harness.js';
import { limitCases } from './limit-cases.js';
import { receiverSetCases } from './receiver-set-cases.js';
import { streamCases } from './stream-cases.js';

export {
  type ComplianceCapabilities,
  type ComplianceCase,
  ComplianceError,
  type ComplianceHarness,
  type ComplianceIdentities,
} from './harness.js';

/** What every implementation of Transport does alike. Cases are independent of each other and of timing. */
export const complianceCases: readonly ComplianceCase[] = [
  ...connectionCases,
  ...streamCases,
  ...limitCases,
  ...receiverSetCases,
];
