// Finds what is wrong with pages, from what they report about themselves.

// laidOver returns the pairs of panels whose places overlap. Grafana moves such panels, so that it cannot be seen.
function laidOver({ panels }) {
  const all = panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  const over = ({ gridPos: a }, { gridPos: b }) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  return all.flatMap((a, i) => all.slice(i + 1).filter((b) => over(a, b)).map((b) => [a, b]));
}

// judge returns a line for each problem.
export function judge(judged) {
  const lines = new Set();
  for (const { name, dashboard, seen } of judged) {
    for (const [a, b] of laidOver(dashboard)) {
      lines.add(`${name}: panel ${b.id} (${b.title}): overlap: its place is that of panel ${a.id} (${a.title})`);
    }
    for (const error of seen.errors) {
      lines.add(`${name}: the page failed: ${error}`);
    }
    for (const variable of seen.variables) {
      if (variable.error) {
        lines.add(`${name}: variable ${variable.name}: ${variable.error}`);
      } else if (variable.value === '' || (Array.isArray(variable.value) && variable.value.length === 0)) {
        lines.add(`${name}: variable ${variable.name}: it has no values`);
      }
    }
    for (const text of seen.controls) {
      lines.add(`${name}: above the panels: text is cut: ${text}`);
    }
    if (seen.panels.length === 0) {
      lines.add(`${name}: there are no panels`);
    }
    for (const panel of seen.panels) {
      for (const { kind, text } of panel.problems) {
        lines.add(`${name}: panel ${panel.id} (${panel.title}): ${kind}: ${text}`);
      }
    }
  }
  return [...lines];
}
