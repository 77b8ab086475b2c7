// Metro as React Native sets it up: from 0.82 on it reads `exports`, and `main` before that.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';

const [, , folder, name, by] = process.argv;
const { default: Metro } = await import(name);
const { resolve } = createRequire(createRequire(import.meta.url).resolve(`${name}/package.json`));
// React Native has this installed. Metro follows no link out of the project.
const from = dirname(resolve('metro-runtime/package.json'));
const runtime = join(folder, 'node_modules', 'metro-runtime');
rmSync(runtime, { recursive: true, force: true });
cpSync(from, runtime, { recursive: true, dereference: true });

const config = await Metro.loadConfig(
  { cwd: folder },
  {
    projectRoot: folder,
    watchFolders: [from],
    resolver: {
      unstable_enablePackageExports: by === 'exports',
      resolverMainFields: ['react-native', 'browser', 'main'],
      useWatchman: false,
    },
    transformer: {
      babelTransformerPath: resolve('metro-babel-transformer'),
      // Metro compiles modules itself then, as the preset of React Native does otherwise.
      getTransformOptions: async () => ({ transform: { experimentalImportSupport: true, inlineRequires: false } }),
    },
    cacheStores: [],
    reporter: { update: () => {} },
  },
);
const { code } = await Metro.runBuild(config, { entry: 'program.js', platform: 'ios', dev: false, minify: false });
mkdirSync(join(folder, 'out'), { recursive: true });
writeFileSync(join(folder, 'out', 'program.js'), code);
process.exit(0);
