import type { Command, CommanderError } from 'commander';
import { CliError } from '../errors.ts';

/** A known word is suggested where at most this share of its letters differs from what was found. */
const MAX_DIFFERENCE = 1 / 3;

/**
 * Says in our words what commander found wrong with the command line. Commander's error has a code; the words it is about are
 * taken from the command, never from commander's message.
 *
 * @returns the error itself if it only reports that the help or the version was printed
 */
export function explainUsage(error: CommanderError, command: Command): Error {
  if (error.exitCode === 0) return error;
  const { args } = command;
  switch (error.code) {
    case 'commander.unknownCommand':
      return unknownCommand(args[0] ?? '', command);
    case 'commander.unknownOption':
      return unknownOption(args.find((arg) => /^-[^\d.]/.test(arg)) ?? '', command);
    case 'commander.optionMissingArgument':
      return missingValue(command);
    case 'commander.missingArgument': {
      const missing = command.registeredArguments[args.length]?.name() ?? 'argument';
      return usageError(`"${nameOf(command)}" needs a ${missing}: ${nameOf(command)} ${command.usage()}`);
    }
    case 'commander.excessArguments': {
      const allowed = count(command.registeredArguments.length);
      const found = args.map((arg) => JSON.stringify(arg)).join(', ');
      return usageError(`"${nameOf(command)}" takes ${allowed}, found ${found}: ${help(command)} shows how to call it`);
    }
    default:
      return usageError(error.message);
  }
}

/** The error for a command that does not exist. */
export function unknownCommand(found: string, program: Command): CliError {
  const known = program.commands.map((command) => command.name());
  return usageError(`there is no command "${found}"${suggest(found, known)} ${help(program)} lists all commands`);
}

/** @throws {CliError} `ERR_USAGE` where help is asked for, of a command that does not exist: commander would print that of the command above it */
export function checkHelp(command: Command): void {
  const [name] = command.args;
  if (name === undefined || name.startsWith('-') || command.commands.length === 0) return;
  if (!command.commands.some((known) => known.name() === name)) throw unknownCommand(name, command);
}

function unknownOption(flag: string, command: Command): CliError {
  const [found = flag] = flag.split('=');
  // Commander does not know a flag that is given a value.
  const known = command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long }) => (typeof long === 'string' ? [long] : []));
  if (flag !== found && known.includes(found)) {
    return usageError(`the option ${found} takes no value, found ${JSON.stringify(flag.slice(found.length + 1))}`);
  }
  return usageError(
    `"${nameOf(command)}" has no option ${found}${suggest(found, known)} ${help(command)} lists all options${dashes(command)}`,
  );
}

/** How an argument is given that looks like an option. */
function dashes({ registeredArguments }: Command): string {
  const names = registeredArguments.map((argument) => argument.name().replace(/s$/, ''));
  const free = names.filter((name) => /^(?:topic|data|prefix)$/.test(name));
  return free.length === 0 ? '' : `; a ${free.join(' or ')} that begins with "-" is given after "--"`;
}

/** Only the last word of the command line can be an option whose value is missing. */
function missingValue(command: Command): CliError {
  const last = process.argv.at(-1) ?? '';
  const flags = command.options.find((option) => option.long === last)?.flags ?? last;
  return usageError(`the option ${last} needs a value: ${flags}`);
}

function usageError(message: string): CliError {
  return new CliError('ERR_USAGE', message);
}

/** The words by which a command is called: `tidings serve`. */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function help(command: Command): string {
  return `"${nameOf(command)} --help"`;
}

function count(length: number): string {
  if (length === 0) return 'no arguments';
  return length === 1 ? 'one argument' : `at most ${length} arguments`;
}

/** Ends the sentence about an unknown word, with the most similar known word if there is one. */
function suggest(found: string, known: readonly string[]): string {
  const nearest = nearestOf(found, known);
  return nearest === undefined ? ':' : `, did you mean ${nearest}?`;
}

/** Ends a list of the allowed words: the one that is most like what was found, or an empty string. */
export function meant(found: string, known: readonly string[]): string {
  const nearest = nearestOf(found, known);
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}

/** The word that is most like what was found; undefined if none is like it. */
export function nearestOf(found: string, known: readonly string[]): string | undefined {
  const nearest = known
    .map((word) => ({ word, distance: editDistance(found, word) }))
    .filter(({ word, distance }) => distance <= MAX_DIFFERENCE * Math.max(word.length, found.length))
    .reduce<{ word: string; distance: number } | undefined>(
      (best, one) => (best === undefined || one.distance < best.distance ? one : best),
      undefined,
    );
  return nearest?.word;
}

/** Counts the letters that must be inserted, left out, changed or swapped with the next one to turn one word into the other. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = from[i - 1] === to[j - 1] ? 0 : 1;
      let least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + changed);
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (swapped) least = Math.min(least, at(beforeLast, j - 2) + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
