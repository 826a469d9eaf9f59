/** How long a shutdown may take before the process gives up on it and exits with 1. */
const SHUTDOWN_MS_MAX = 15_000;

/**
 * Runs `stop` once on SIGTERM or SIGINT and exits: 0 when it resolves, 1 when it rejects or takes longer than 15 s.
 * The signal that `signalsUntilExit` counts to (default the second) exits at once with 130.
 */
export function onShutdown(
  stop: (signal: NodeJS.Signals) => Promise<void>,
  report: (error: unknown) => void,
  signalsUntilExit = 2,
): void {
  let signals = 0;
  const handle = (signal: NodeJS.Signals) => {
    signals++;
    if (signals >= signalsUntilExit) process.exit(130);
    if (signals > 1) return;
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
