import { breakRow, copyTree, ROOT } from '@higgins/conformance';
import { PLANTED } from './faults.js';

const TESTS = ['test/fuzz/src/fuzz.test.ts', 'test/fuzz/src/work.test.ts'];
/** Titles of what draws inputs, and of what is kept. */
const FUZZING = ['finds nothing in', 'replays', 'grows with its bytes'];

/** Plants each fault in a copy of the tree, runs the fuzzer's tests there, and tells which faults survive. */
export function plantFaults(): void {
  using copy = copyTree(ROOT);
  const tests = TESTS.flatMap((file) => FUZZING.map((title) => `${file} › ${title}`));
  const outcomes = PLANTED.map(({ name, file, planted }) => {
    const outcome = breakRow(copy.root, name, { code: [file], tests, broken: planted });
    process.stdout.write(`${outcome.caught ? 'found   ' : 'SURVIVED'} ${name}: ${outcome.by}\n`);
    return outcome;
  });
  const found = outcomes.filter(({ caught }) => caught).length;
  process.stdout.write(`${found} of ${outcomes.length} planted faults found\n`);
  if (found < outcomes.length) process.exitCode = 1;
}
