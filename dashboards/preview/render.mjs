// Draws all dashboards in Chromium, takes their pictures and checks them:
//   node render.mjs --prometheus http://127.0.0.1:9090 --dashboards .. --site /tmp/site --out /tmp/pictures [--now 1700000000000] [--only access]
// The exit code is 1 if a check failed, and the output names the dashboard and the panel.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { bundle } from './build.mjs';
import { judge } from './judge.mjs';
import { serve } from './serve.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const width = 1600;
const patience = 45_000;

const { values: options } = parseArgs({
  options: {
    prometheus: { type: 'string' }, dashboards: { type: 'string', default: join(here, '..') }, site: { type: 'string' }, out: { type: 'string' },
    now: { type: 'string', default: String(Date.now()) }, only: { type: 'string' }, chromium: { type: 'string', default: '/usr/bin/chromium' },
    interval: { type: 'string', default: '1m' },
  },
});

async function load(folder) {
  const dashboards = {};
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()) {
    dashboards[basename(file, '.json')] = JSON.parse(await readFile(join(folder, file), 'utf8'));
  }
  return dashboards;
}

// settle waits until the page has drawn everything.
async function settle(page, errors) {
  const end = Date.now() + patience;
  for (let quiet = 0; quiet < 3;) {
    await page.waitForTimeout(250);
    const state = await page.evaluate(() => window.preview?.failed ?? window.preview?.busy?.() ?? true);
    if (typeof state === 'string' || (state && errors.length > 0)) {
      throw new Error(typeof state === 'string' ? state : errors[0]);
    }
    if (Date.now() > end) {
      return;
    }
    quiet = state ? 0 : quiet + 1;
  }
}

async function draw(browser, origin, name, theme, file) {
  const page = await browser.newPage({ viewport: { width, height: 1000 }, deviceScaleFactor: 1, colorScheme: theme, reducedMotion: 'reduce', timezoneId: 'UTC', locale: 'en-US' });
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  if (process.env.PREVIEW_DEBUG) {
    page.on('console', (message) => console.error(`[${name}] ${message.text()}`));
    page.on('response', (response) => response.status() >= 400 && console.error(`[${name}] ${response.status()}: ${response.url()}`));
    page.on('requestfailed', (request) => console.error(`[${name}] failed: ${request.url()}`));
    page.on('pageerror', (error) => console.error(error.stack));
  }
  // Nothing leaves this machine.
  await page.route('**/*', (route) => (new URL(route.request().url()).origin === origin || route.request().url().startsWith('data:') ? route.continue() : route.abort()));
  await page.clock.setSystemTime(Number(options.now));
  await page.goto(`${origin}/?dashboard=${encodeURIComponent(name)}&theme=${theme}`);
  await settle(page, errors);
  const height = await page.evaluate(() => Math.ceil(document.querySelector('.preview-body').getBoundingClientRect().bottom));
  await page.setViewportSize({ width, height });
  await settle(page, errors);
  const seen = await page.evaluate(() => window.preview.inspect());
  await page.screenshot({ path: file });
  await page.close();
  return { ...seen, errors };
}

// shrink leaves a quarter of a picture's bytes, where pngquant is there: 48 colors are enough for charts, and keep it below the documents' limit.
async function shrink(file) {
  spawnSync('pngquant', ['--force', '--strip', '--nofs', '--speed', '1', '--output', file, '48', file], { stdio: 'ignore' });
  return (await stat(file)).size;
}

async function main() {
  const dashboards = await load(options.dashboards);
  await bundle(here, options.site);
  await mkdir(options.out, { recursive: true });
  const server = await serve({ site: options.site, prometheus: options.prometheus, answer: { dashboards, scrapeInterval: options.interval } });
  const profile = await mkdtemp(join(tmpdir(), 'preview-'));
  const browser = await chromium.launch({
    executablePath: options.chromium, headless: true, env: { ...process.env, HOME: profile },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars'],
  });
  const judged = [];
  try {
    for (const name of Object.keys(dashboards).filter((n) => !options.only || n === options.only)) {
      for (const theme of ['light', 'dark']) {
        const file = join(options.out, `${name}-${theme}.png`);
        const began = Date.now();
        const seen = await draw(browser, server.origin, name, theme, file);
        console.log(`${basename(file)}: ${seen.panels.length} panels, ${await shrink(file)} bytes, ${((Date.now() - began) / 1000).toFixed(1)} s`);
        judged.push({ name, dashboard: dashboards[name], seen });
      }
    }
  } finally {
    await browser.close();
    await server.close();
    await rm(profile, { recursive: true, force: true });
  }
  const problems = judge(judged);
  problems.forEach((problem) => console.error(problem));
  process.exitCode = problems.length > 0 ? 1 : 0;
}

await main();
