// Serves the page on loopback, and passes its questions on to Prometheus.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.ttf': 'font/ttf' };

export async function serve({ site, prometheus, answer }) {
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      response.writeHead(error.code === 'ENOENT' ? 404 : 502, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ status: 'error', error: error.message }));
    });
  });
  async function handle(request, response) {
    const url = new URL(request.url, 'http://localhost');
    if (url.pathname === '/dashboards') {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(answer));
    } else if (url.pathname.startsWith('/prometheus/')) {
      await pass(request, response, prometheus + url.pathname.slice('/prometheus'.length) + url.search);
    } else {
      const path = normalize(url.pathname === '/' ? '/index.html' : url.pathname);
      const body = await readFile(join(site, path));
      response.writeHead(200, { 'Content-Type': types[extname(path)] ?? 'application/octet-stream', 'Cache-Control': 'max-age=3600' });
      response.end(body);
    }
  }
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }),
  };
}

async function pass(request, response, url) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  const answer = await fetch(url, {
    method: request.method, body: chunks.length > 0 ? Buffer.concat(chunks) : undefined,
    headers: chunks.length > 0 ? { 'Content-Type': request.headers['content-type'] } : {},
  });
  response.writeHead(answer.status, { 'Content-Type': 'application/json' });
  response.end(Buffer.from(await answer.arrayBuffer()));
}
