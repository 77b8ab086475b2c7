import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';

export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly imports?: Readonly<Record<string, Target>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** What an import by `#name` leads to: a path, or another by each condition. */
type Target = string | { readonly [condition: string]: Target };

/** A package of the workshop, read. */
export interface Package {
  /** Its folder below `packages`. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** What each of its source files imports, by the file's path below `src`. */
  readonly files: ReadonlyMap<string, readonly string[]>;
}

/** Reads the packages below `root`/packages, by their folders. */
export function readPackages(root: string): ReadonlyMap<string, Package> {
  const packages = join(root, 'packages');
  const folders = readdirSync(packages).filter((folder) => existsSync(join(packages, folder, 'package.json')));
  return new Map(
    folders.map((folder) => {
      const directory = join(packages, folder);
      const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
      return [folder, { folder, manifest, files: readFiles(join(directory, 'src')) }];
    }),
  );
}

/**
 * The files of the package that an import leads to, by their paths below `src`. None where it leads out of the package.
 * An import by `#name` leads to what is behind all of its conditions, or those that are wanted.
 */
export function targets(
  { manifest, files }: Package,
  from: string,
  specifier: string,
  wanted: (condition: string) => boolean = () => true,
): string[] {
  if (isRelative(specifier)) {
    const path = posix.join(posix.dirname(from), specifier);
    return files.has(path) ? [path] : [];
  }
  const target = manifest.imports?.[specifier];
  if (target === undefined) return [];
  return leaves(target, wanted).flatMap((output) => {
    const path = output.replace(/^\.\/dist\//, '').replace(/\.js$/, '');
    return [`${path}.ts`, `${path}.tsx`].filter((source) => files.has(source));
  });
}

export function isRelative(specifier: string): boolean {
  return specifier === '.' || specifier === '..' || specifier.startsWith('./') || specifier.startsWith('../');
}

function leaves(target: Target, wanted: (condition: string) => boolean): string[] {
  if (typeof target === 'string') return [target];
  return Object.entries(target).flatMap(([condition, next]) => (wanted(condition) ? leaves(next, wanted) : []));
}

function readFiles(source: string): ReadonlyMap<string, readonly string[]> {
  if (!existsSync(source)) return new Map();
  const paths = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[mc]?tsx?$/.test(path))
    .toSorted();
  return new Map(paths.map((path) => [path.replaceAll(sep, '/'), importsOf(join(source, path))]));
}

/** What a file imports or re-exports, types included, in whichever form. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const { module, program, errors } = parseSync(file, text);
  if (errors[0] !== undefined) throw new Error(`Could not read the imports of ${file}: ${errors[0].message}`);
  const reExports = module.staticExports.flatMap(({ entries }) => entries.map((entry) => entry.moduleRequest?.value));
  const dynamic = module.dynamicImports.map(({ moduleRequest }) => {
    const literal = text.slice(moduleRequest.start, moduleRequest.end);
    return /^(['"`])([^$]*)\1$/.exec(literal)?.[2];
  });
  const inTypes: string[] = [];
  new Visitor({ TSImportType: ({ source }) => void inTypes.push(source.value) }).visit(program);
  const all = [
    ...module.staticImports.map((statement) => statement.moduleRequest.value),
    ...reExports,
    ...dynamic,
    ...inTypes,
  ];
  return [...new Set(all)].filter((specifier) => specifier !== undefined);
}
