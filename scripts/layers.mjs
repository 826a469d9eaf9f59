// The layer rules: which package may import which, and what a pure core may not touch. `checkLayers` returns violations.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** For each package, the packages of the workspace that it may import; dependencies point down only. */
const MAY_IMPORT = {
  'packages/runtime': [],
  'packages/transport': ['runtime'],
  'packages/quic': ['transport'],
  'packages/netlink': [],
  protocol: [],
  'packages/ipdata': [],
  'packages/balancing': ['ipdata'],
  'packages/signals': ['protocol', 'ipdata'],
  'packages/client': ['runtime', 'transport', 'protocol', 'signals'],
  'packages/service': ['runtime'],
  relay: ['runtime', 'transport', 'protocol', 'quic', 'service'],
  'packages/agent': [
    ...['runtime', 'transport', 'quic', 'protocol', 'signals', 'ipdata', 'balancing', 'client', 'netlink', 'service'],
  ],
  'packages/cli': [
    ...['runtime', 'transport', 'quic', 'protocol', 'signals', 'ipdata', 'client', 'netlink', 'service'],
    ...['balancing', 'relay', 'agent'],
  ],
};

/** What a package loads only when it is asked for, by `import()`, and does without where it is not installed. */
const MAY_LOAD = {
  'packages/cli': ['simulator'],
};

/** Folders without I/O, clock or randomness; the npm packages that each may use, and words that mean something of its own. */
const PURE = [
  { folder: 'protocol/src', packages: [] },
  { folder: 'relay/src/core', packages: [] },
  { folder: 'packages/runtime/src/virtual', packages: [] },
  { folder: 'packages/transport/src', packages: [] },
  { folder: 'packages/ipdata/src', packages: [] },
  { folder: 'packages/balancing/src', packages: ['zod'] },
  { folder: 'packages/signals/src', packages: ['cbor-x', 'msgpackr', 'zod'] },
  { folder: 'packages/client/src', packages: [] },
  { folder: 'packages/agent/src/core', packages: [] },
  { folder: 'packages/agent/src/balancer/core', packages: [] },
  // What runs in a simulated world, and judges it. A process is one of that world.
  ...['frame', 'programs', 'topologies', 'invariants', 'scenarios'].map((part) => ({
    folder: `test/simulator/src/${part}`,
    packages: [],
    own: ['process'],
  })),
];

const STATIC_IMPORT = /(?:\bfrom\s+|\bimport\s+)'([^']+)'/g;
const DYNAMIC_IMPORT = /\bimport\s*\(\s*'([^']+)'/g;
const ANY_IMPORT = new RegExp(`${STATIC_IMPORT.source}|${DYNAMIC_IMPORT.source}`, 'g');
/** Real time, randomness, and what depends on the collector of garbage; with the usual ways around their names. */
const FORBIDDEN_GLOBALS = new RegExp(
  [
    /(?<![.#\w])(?:Date|Temporal|performance|process|crypto|globalThis(?! as WebTransportOptions\b))\b(?!\s*:)/,
    /(?<![.#\w])(?:setTimeout|setInterval|setImmediate|WeakRef|FinalizationRegistry|Atomics)\b(?!\s*:)/,
    /\bMath\.random\b|\bMath\s*\[|\}\s*=\s*Math\b|\bAbortSignal\.timeout\b/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);

/** Returns one line per violation, `file: what`; empty if the rules hold. */
export function checkLayers(root) {
  return [
    ...Object.keys(MAY_IMPORT).flatMap((folder) => checkPackage(root, folder)),
    ...PURE.flatMap((rule) => checkPure(root, rule)),
  ];
}

function checkPackage(root, folder) {
  const allowed = new Set(MAY_IMPORT[folder].map((name) => `@higgins/${name}`));
  const loaded = new Set((MAY_LOAD[folder] ?? []).map((name) => `@higgins/${name}`));
  const own = `@higgins/${folder.split('/').at(-1)}`;
  return sources(root, `${folder}/src`)
    .filter(({ isTest }) => !isTest)
    .flatMap(({ file, text }) => [
      ...workspacePackages(importsOf(text, STATIC_IMPORT))
        .filter((name) => name !== own && !allowed.has(name))
        .map((name) => `${file}: imports ${name}, which is not below ${own}`),
      ...workspacePackages(importsOf(text, DYNAMIC_IMPORT))
        .filter((name) => name !== own && !allowed.has(name) && !loaded.has(name))
        .map((name) => `${file}: loads ${name}, which is not below ${own}`),
    ]);
}

function checkPure(root, { folder, packages, own = [] }) {
  return sources(root, folder)
    .filter(({ isTest }) => !isTest)
    .flatMap(({ file, text }) => [
      ...importsOf(text)
        .filter((name) => !name.startsWith('.') && !name.startsWith('@higgins/') && !packages.includes(name))
        .map((name) => `${file}: imports ${name}, but ${folder} is pure`),
      ...importsOf(text)
        .filter((name) => /^@higgins\/(quic|netlink|service|runtime\/node)/.test(name))
        .map((name) => `${file}: imports ${name}, but ${folder} is pure`),
      ...[...withoutText(text).matchAll(FORBIDDEN_GLOBALS)]
        .filter(([name]) => !own.includes(name))
        .map(([name]) => `${file}: uses ${name}, but ${folder} is pure`),
    ]);
}

function sources(root, folder) {
  const directory = join(root, folder);
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({
      file: relative(root, join(directory, name)),
      text: readFileSync(join(directory, name), 'utf8'),
      isTest: /\.(test|prop\.test|fixture)\.ts$/.test(name),
    }));
}

/** The packages of the workspace among what is imported. */
function workspacePackages(names) {
  return names.filter((name) => name.startsWith('@higgins/')).map((name) => name.split('/').slice(0, 2).join('/'));
}

function importsOf(text, pattern = ANY_IMPORT) {
  const code = text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g, ' ');
  return [...code.matchAll(pattern)].map(([, first, second]) => first ?? second);
}

/** The code without comments and string contents, so that words in them are not taken for identifiers. */
function withoutText(text) {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g,
    (match) => (match.startsWith('`') ? match.replace(/[^$`{}]+(?=[^{}]*(?:\$\{|`))/g, ' ') : ' '),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const violations = checkLayers(fileURLToPath(new URL('..', import.meta.url)));
  for (const violation of violations) process.stderr.write(`layers: ${violation}\n`);
  process.exit(violations.length === 0 ? 0 : 1);
}
