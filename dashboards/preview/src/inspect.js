// What the page says of itself: which panels are still loading, are empty, have failed, lie over each other, or cut their text.
import { FieldType } from '@grafana/data';
import { SceneDataTransformer, sceneGraph } from '@grafana/scenes';

// busy is true while something is on its way.
export function busy(panels, scene) {
  return sceneGraph.getVariables(scene).state.variables.some((v) => v.state.loading) || panels.some(loads) || document.querySelector('svg[data-src]:empty') !== null;
}

function loads(panel) {
  const data = panel.state.$data?.state.data;
  return !panel.getPlugin() || Boolean(panel.state.$data && (!data || ['Loading', 'NotStarted'].includes(data.state)));
}

export function inspect(panels, scene) {
  const variables = sceneGraph.getVariables(scene).state.variables.map((v) => ({
    name: v.state.name, loading: Boolean(v.state.loading), error: v.state.error ? String(v.state.error.message ?? v.state.error) : undefined, value: v.getValue(),
  }));
  const seen = panels.map(inspectPanel);
  for (const [i, a] of seen.entries()) {
    for (const b of seen.slice(i + 1)) {
      if (a.box && b.box && overlap(a.box, b.box)) {
        a.problems.push({ kind: 'overlap', text: `it lies over panel ${b.id} (${b.title})` });
      }
    }
  }
  return { variables, panels: seen, controls: cut(document.querySelector('.preview-body'), '[data-viz-panel-key]') };
}

function inspectPanel(panel) {
  const id = panel.state.key.replace('panel-', '');
  const title = sceneGraph.interpolate(panel, panel.state.title, undefined, 'text');
  const provider = panel.state.$data;
  const data = provider?.state.data;
  const raw = provider instanceof SceneDataTransformer ? provider.state.$data.state.data : data;
  const element = document.querySelector(`[data-viz-panel-key="${CSS.escape(panel.state.key)}"]`);
  const problems = [];
  const failures = new Set([...(data?.errors ?? []), ...(raw?.errors ?? [])].map((e) => e.message ?? e.data?.message ?? JSON.stringify(e)));
  for (const message of failures) {
    problems.push({ kind: 'error', text: message });
  }
  for (const notice of new Set((raw?.series ?? []).flatMap((f) => f.meta?.notices ?? []).map((n) => n.text))) {
    problems.push({ kind: 'warning', text: notice });
  }
  if (panel.state._pluginLoadError) {
    problems.push({ kind: 'error', text: panel.state._pluginLoadError });
  }
  if (provider && failures.size === 0 && !panel.state._pluginLoadError && isEmpty(data)) {
    problems.push({ kind: 'empty', text: 'it shows no data' });
  }
  if (!element) {
    problems.push({ kind: 'error', text: 'it was not drawn' });
    return { id, title, problems };
  }
  if (element.querySelector('[data-testid*="panel-error"], [data-testid*="Panel status error"]') && failures.size === 0) {
    problems.push({ kind: 'error', text: `it shows an error: ${element.textContent.slice(0, 200)}` });
  }
  const texts = cut(element);
  if (texts.length > 0) {
    const more = texts.length > 3 ? ` and ${texts.length - 3} more` : '';
    problems.push({ kind: 'cut', text: `text does not fit: ${texts.slice(0, 3).join(' | ')}${more}` });
  }
  if (loads(panel)) {
    problems.push({ kind: 'error', text: 'it was not ready in time' });
  }
  const { left, top, right, bottom } = element.getBoundingClientRect();
  if (right > innerWidth + 1) {
    problems.push({ kind: 'overlap', text: 'it lies beyond the edge of the page' });
  }
  return { id, title, problems, box: { left, top, right, bottom } };
}

// isEmpty is true where no field has a value.
function isEmpty(data) {
  return !(data?.series ?? []).some((frame) => frame.fields.some((field) =>
    (field.type === FieldType.number || field.type === FieldType.string || field.type === FieldType.boolean) &&
    Array.from(field.values).some((v) => v !== null && v !== undefined && !Number.isNaN(v))));
}

function overlap(a, b) {
  const slack = 1;
  return Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack;
}

// cut returns the texts within root that do not fit where they are. Elements within skip are left out.
function cut(root, skip) {
  const found = new Set();
  for (const element of root?.querySelectorAll('*') ?? []) {
    if (skip && element.closest(skip)) {
      continue;
    }
    const own = [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim() !== '');
    const style = getComputedStyle(element);
    // What is one pixel large is for screen readers only.
    if (style.visibility === 'hidden' || element.clientWidth === 0 || (element.clientWidth === 1 && element.clientHeight === 1)) {
      continue;
    }
    const hides = style.overflowX === 'hidden' || style.overflowX === 'clip' || style.textOverflow === 'ellipsis';
    if (own && hides && element.scrollWidth > element.clientWidth + 1) {
      found.add(element.textContent.trim());
      continue;
    }
    if (own && outside(element, root)) {
      found.add(element.textContent.trim());
    }
  }
  return [...found];
}

// outside is true where text lies outside of a box around it that hides what does not fit, and so cannot be reached by scrolling.
function outside(element, root) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const text = range.getBoundingClientRect();
  for (let box = element.parentElement; box && box !== root.parentElement; box = box.parentElement) {
    const style = getComputedStyle(box);
    if (style.overflowX === 'auto' || style.overflowX === 'scroll' || style.overflowY === 'auto' || style.overflowY === 'scroll') {
      return false;
    }
    if (style.overflowX === 'hidden' || style.overflowX === 'clip') {
      const edge = box.getBoundingClientRect();
      if (text.right > edge.right + 2 || text.left < edge.left - 2) {
        return true;
      }
    }
  }
  return false;
}
