// What Grafana's server does between its data source for Prometheus and Prometheus: steps, its own variables, data frames. The rules are those of
// Grafana 13 (pkg/promlib); the part that runs in the browser is Grafana's own package @grafana/prometheus.
import { rangeUtil } from '@grafana/data';

// base is where the page's own server passes requests on to Prometheus.
const base = '/prometheus';
const maxPoints = 11000;

async function ask(path, params) {
  const response = await fetch(`${base}${path}`, { method: 'POST', body: new URLSearchParams(params) });
  const answer = await response.json();
  if (answer.status !== 'success') {
    throw new Error(answer.error ?? `HTTP ${response.status}`);
  }
  return answer;
}

// plan says which step a query has, and what stands for Grafana's variables in it.
export function plan(query, range, scrapeInterval) {
  const scrape = rangeUtil.intervalToMs(query.interval || scrapeInterval);
  const resolution = query.maxDataPoints || 1000;
  const least = query.interval ? scrape : query.intervalMs || scrape;
  const wanted = rangeUtil.calculateInterval(asRange(range), resolution, `${least}ms`).intervalMs;
  const step = Math.max(wanted, rangeUtil.roundInterval((range.to - range.from) / maxPoints));
  const rate = Math.max((query.intervalMs || step) + scrape, 4 * scrape);
  const values = {
    __interval_ms: String(step),
    __interval: duration(step),
    __range_ms: String(range.to - range.from),
    __range_s: String(Math.round((range.to - range.from) / 1000)),
    __range: duration(Math.round((range.to - range.from) / 1000) * 1000),
    __rate_interval_ms: String(rate),
    __rate_interval: duration(rate),
  };
  const expr = query.expr.replace(/\$\{(__\w+)\}|\$(__\w+)/g, (whole, a, b) => values[a ?? b] ?? whole);
  return { step, expr };
}

function asRange({ from, to }) {
  return { from: { valueOf: () => from }, to: { valueOf: () => to } };
}

function duration(ms) {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

// run answers a request to /api/ds/query.
export async function run(body, scrapeInterval) {
  const range = { from: Number(body.from), to: Number(body.to) };
  const results = {};
  await Promise.all(body.queries.map(async (query) => {
    try {
      results[query.refId] = { status: 200, frames: await frames(query, range, scrapeInterval) };
    } catch (error) {
      results[query.refId] = { status: 400, error: error.message, frames: [] };
    }
  }));
  return { results };
}

async function frames(query, range, scrapeInterval) {
  const { step, expr } = plan(query, range, scrapeInterval);
  const seconds = step / 1000;
  // Grafana aligns both ends with the step, so that points stay where they are from one refresh to the next.
  const from = Math.floor(range.from / step) * seconds;
  const to = Math.floor(range.to / step) * seconds;
  const asked = [];
  if (query.instant) {
    asked.push(ask('/api/v1/query', { query: expr, time: range.to / 1000 }));
  } else {
    asked.push(ask('/api/v1/query_range', { query: expr, start: from, end: to, step: seconds }));
  }
  const exemplars = query.exemplar ? ask('/api/v1/query_exemplars', { query: expr, start: from, end: to + seconds }) : undefined;
  const made = (await Promise.all(asked)).flatMap((answer) => values(query, expr, step, answer));
  if (exemplars) {
    made.push(...exemplarFrame(query, seconds, (await exemplars).data));
  }
  return made;
}

// values makes a frame of each series.
function values(query, expr, step, { data, warnings }) {
  const meta = {
    type: data.resultType === 'matrix' ? 'timeseries-multi' : 'numeric-multi', typeVersion: [0, 1],
    custom: { resultType: data.resultType }, executedQueryString: `Expr: ${expr}\nStep: ${step / 1000}s`,
    notices: warnings?.map((text) => ({ severity: 'warning', text })),
  };
  const rows = data.resultType === 'scalar' || data.resultType === 'string' ? [{ metric: {}, value: data.result }] : data.result;
  return rows.flatMap((row) => {
    if (row.histogram || row.histograms) {
      throw new Error('the query returns native histograms, which the preview does not draw');
    }
    const points = row.values ?? [row.value];
    const name = legend(query, expr, row.metric);
    return frame({ name, refId: query.refId, meta }, [
      { name: 'Time', type: 'time', typeInfo: { frame: 'time.Time' }, config: { interval: step }, values: points.map(([t]) => t * 1000) },
      {
        name: row.metric.__name__ ?? 'Value', type: 'number', typeInfo: { frame: 'float64' }, labels: row.metric,
        config: name ? { displayNameFromDS: name } : {}, values: points.map(([, v]) => number(v)),
      },
    ]);
  });
}

function number(text) {
  return { '+Inf': Infinity, '-Inf': -Infinity }[text] ?? Number(text);
}

function legend(query, expr, metric) {
  const labels = Object.entries(metric).filter(([name]) => name !== '__name__');
  if (query.legendFormat === '__auto') {
    return labels.length > 0 ? '' : expr;
  }
  if (query.legendFormat) {
    return query.legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? '');
  }
  const shown = labels.length > 0 ? `{${labels.map(([name, value]) => `${name}="${value}"`).join(', ')}}` : '';
  return `${metric.__name__ ?? ''}${shown}` || expr;
}

// exemplarFrame makes one frame of all exemplars, if there are any, without those that lie close to a higher one of the same step.
function exemplarFrame(query, seconds, data) {
  const all = data.flatMap(({ seriesLabels, exemplars }) =>
    exemplars.map(({ labels, value, timestamp }) => ({ labels: { ...seriesLabels, ...labels }, value: number(value), at: timestamp })));
  if (all.length === 0) {
    return [];
  }
  const mean = all.reduce((sum, e) => sum + e.value, 0) / all.length;
  const deviation = Math.sqrt(all.reduce((sum, e) => sum + (e.value - mean) ** 2, 0) / Math.max(1, all.length - 1));
  const buckets = new Map();
  for (const e of all) {
    const key = Math.floor(e.at / seconds);
    buckets.set(key, [...(buckets.get(key) ?? []), e]);
  }
  const kept = [...buckets.values()].flatMap((bucket) => {
    let last = Infinity;
    return bucket.sort((a, b) => b.value - a.value).filter((e) => last - e.value > deviation && ((last = e.value), true));
  }).sort((a, b) => a.at - b.at);
  const names = [...new Set(kept.flatMap((e) => Object.keys(e.labels)))].sort();
  return [frame({ name: 'exemplar', refId: query.refId, meta: { custom: { resultType: 'exemplar' } } }, [
    { name: 'Time', type: 'time', typeInfo: { frame: 'time.Time' }, values: kept.map((e) => e.at * 1000) },
    { name: 'Value', type: 'number', typeInfo: { frame: 'float64' }, values: kept.map((e) => e.value) },
    ...names.map((name) => ({ name, type: 'string', typeInfo: { frame: 'string' }, values: kept.map((e) => e.labels[name] ?? '') })),
  ])];
}

// frame is a data frame in the form in which Grafana's server sends it: JSON has no NaN and no Inf.
function frame(schema, fields) {
  const entities = fields.map(({ values }) => {
    const found = { NaN: [], Inf: [], NegInf: [] };
    values.forEach((v, i) => {
      if (Number.isNaN(v)) found.NaN.push(i);
      else if (v === Infinity) found.Inf.push(i);
      else if (v === -Infinity) found.NegInf.push(i);
    });
    return Object.values(found).some((list) => list.length > 0) ? found : null;
  });
  return {
    schema: { ...schema, fields: fields.map(({ values: _, ...field }) => field) },
    data: { values: fields.map(({ values }) => values), entities },
  };
}

// resource answers a request to /api/datasources/uid/.../resources/.
export async function resource(method, path, params) {
  const query = new URLSearchParams(params).toString();
  const response = method === 'GET' ? await fetch(`${base}/${path}?${query}`) : await fetch(`${base}/${path}`, { method, body: new URLSearchParams(params) });
  return response.json();
}
