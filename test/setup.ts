// Before each test file: what is checked for random values takes the seed of TIDINGS_SEED, too. Without one each check has its own
// seed, and says it where it fails.
if (process.env['TIDINGS_SEED'] !== undefined) {
  const { configureGlobal } = await import('fast-check');
  configureGlobal({ seed: Number(process.env['TIDINGS_SEED']) });
}
