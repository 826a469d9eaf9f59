import type { CheckProbe } from './check-types.js';
import { failed, GOOD, type Probe } from './probe.js';
import { reasonOf } from './reason.js';

/** Fits a probe of the operator's own into the checker. What it does after its time is over is not heard. */
export function registeredProbe(probe: CheckProbe): Probe {
  return (order, settle) => {
    const controller = new AbortController();
    const work = async () => probe(order, controller.signal);
    work().then(
      () => settle(GOOD),
      (error: unknown) => settle(failed(reasonOf(error))),
    );
    return { end: () => controller.abort() };
  };
}
