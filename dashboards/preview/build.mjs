// Bundles the page into the folder that is given.
import { build } from 'esbuild';
import { copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export async function bundle(here, out) {
  await mkdir(out, { recursive: true });
  await build({
    entryPoints: { main: join(here, 'src/main.jsx') }, outdir: out, bundle: true, splitting: true, format: 'esm', target: 'es2022', jsx: 'automatic', sourcemap: false,
    minify: false, logLevel: 'warning', alias: {
      '@grafana/assistant': join(here, 'src/instead/assistant.js'),
      '@grafana/plugin-compat/datasources': join(here, 'src/instead/datasources.js'),
    },
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
    loader: { '.svg': 'dataurl', '.png': 'dataurl', '.ttf': 'file', '.woff2': 'file', '.woff': 'file' },
  });
  await copyFile(join(here, 'src/index.html'), join(out, 'index.html'));
  const icons = join(out, 'public/build/img/icons');
  await cp(join(here, 'node_modules/@grafana/ui/dist/public/img/icons'), icons, { recursive: true });
  // An icon of the time picker is not published. It is the mirror image of one that is.
  const right = await readFile(join(icons, 'unicons/angle-double-right.svg'), 'utf8');
  await writeFile(join(icons, 'unicons/angle-double-left.svg'), right.replace(/<path/g, '<path transform="matrix(-1 0 0 1 24 0)"'));
  const fonts = join(out, 'public/fonts/inter');
  await mkdir(fonts, { recursive: true });
  for (const [name, file] of Object.entries({ 'Inter-Regular': '400-normal', 'Inter-Medium': '500-normal', 'Inter-Italic': '400-italic', 'Inter-MediumItalic': '500-italic' })) {
    await copyFile(join(here, `node_modules/@fontsource/inter/files/inter-latin-${file}.woff2`), join(fonts, `${name}.woff2`));
  }
}
