/// <reference types="node" />
// Compiles programs with one version of TypeScript in several ways, in one process, so that its libraries are read once. Writes, as JSON,
// what it finds wrong: in the programs and in every declaration of ours that they lead to, as if `skipLibCheck` were off for those. A type
// there that comes out as `any` is wrong too: that is what a name becomes that cannot be found.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const { compiler, jobs } = JSON.parse(readFileSync(0, 'utf8'));
/** @type {import('typescript-5.9')} */
const ts = createRequire(import.meta.url)(compiler);

/** The files of the libraries, which no program changes. */
const libraries = new Map();

const found = {};
for (const { name, options, files } of jobs) found[name] = compile(options, files);
process.stdout.write(JSON.stringify(found));

function compile(json, files) {
  const { options, errors } = ts.convertCompilerOptionsFromJson(json, process.cwd());
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (path, settings, ...others) => {
    if (isOurs(path)) return read(path, settings, ...others);
    const key = JSON.stringify([path, settings]);
    if (!libraries.has(key)) libraries.set(key, read(path, settings, ...others));
    return libraries.get(key);
  };
  const program = ts.createProgram(files, options, host);
  const checker = program.getTypeChecker();
  const ours = program.getSourceFiles().filter(({ fileName }) => isOurs(fileName));
  const diagnostics = [
    ...errors,
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...ours.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
  ];
  const messages = diagnostics.map(({ file, start, messageText }) => {
    const place = file === undefined ? '' : `${at(file, start)}: `;
    return place + ts.flattenDiagnosticMessageText(messageText, '\n');
  });
  const declared = ours.filter(({ isDeclarationFile }) => isDeclarationFile);
  return [...messages, ...declared.flatMap((file) => untyped(file, checker))];
}

function isOurs(path) {
  return !path.includes('/node_modules/') || path.includes('/node_modules/@tidings/');
}

/** The types of a file of declarations that are `any`. */
function untyped(file, checker) {
  const places = [];
  const visit = (node) => {
    // The class that another one extends is a value.
    const isType = ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node);
    if (isType && checker.getTypeFromTypeNode(node).flags & ts.TypeFlags.Any) {
      places.push(`${at(file, node.getStart(file))}: ${node.getText(file)} is any`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return places;
}

function at(file, position) {
  const { line, character } = file.getLineAndCharacterOfPosition(position);
  return `${file.fileName.replace(`${process.cwd()}/`, '')}(${line + 1},${character + 1})`;
}
