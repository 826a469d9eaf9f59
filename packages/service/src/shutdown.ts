/** How long a shutdown may take before the process gives up on it and exits with 1. */
const SHUTDOWN_MS_MAX = 15_000;

/**
 * Runs `stop` once on SIGTERM or SIGINT and exits: 0 when it resolves, 1 when it rejects or takes longer than 15 s.
 * A second signal exits at once with 130.
 */
export function onShutdown(stop: (signal: NodeJS.Signals) => Promise<void>, report: (error: unknown) => void): void {
  let stopping = false;
  const handle = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(130);
    stopping = true;
    setTimeout(() => {
      report(new Error(`shutdown took longer than ${SHUTDOWN_MS_MAX} ms`));
      process.exit(1);
    }, SHUTDOWN_MS_MAX).unref();
    stop(signal).then(
      () => process.exit(0),
      (error: unknown) => {
        report(error);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
}
