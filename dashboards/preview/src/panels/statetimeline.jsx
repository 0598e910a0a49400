import { useMemo } from 'react';
import { FieldType, getFieldDisplayName } from '@grafana/data';
import { AxisPlacement, GraphNG, ScaleDirection, ScaleOrientation, UPlotConfigBuilder, useTheme2 } from '@grafana/ui';
import { Annotations } from './annotations.jsx';
import { graphable } from './timeseries.jsx';

// StateTimelinePanel draws a row of colored states for each field. Grafana's own chart of states is not published: the axes are its, the rows are drawn here.
export function StateTimelinePanel({ data, timeRange, timeZone, width, height, options }) {
  const theme = useTheme2();
  const types = [FieldType.number, FieldType.string, FieldType.boolean];
  const frames = useMemo(() => graphable(data.series, types), [data]);
  if (frames.length === 0) {
    return <div className="preview-nothing">No data</div>;
  }
  const prepare = (aligned, all, getTimeRange) => configOf(aligned, all, getTimeRange, { theme, timeZone, options });
  const annotations = (data.annotations ?? []).filter((f) => f.length > 0);
  return (
    <GraphNG frames={frames} structureRev={data.structureRev} timeRange={timeRange} timeZone={timeZone} width={width} height={height} legend={options.legend}
      prepConfig={prepare} propsToDiff={[]} renderLegend={() => null} theme={theme}>
      {(config) => <Annotations config={config} annotations={annotations} />}
    </GraphNG>
  );
}

function configOf(aligned, all, getTimeRange, { theme, timeZone, options }) {
  const builder = new UPlotConfigBuilder(timeZone);
  const rows = aligned.fields.slice(1);
  const center = (row) => (rows.length - row - 0.5) / rows.length;
  builder.addScale({
    scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right,
    range: () => { const r = getTimeRange(); return [r.from.valueOf(), r.to.valueOf()]; },
  });
  builder.addScale({ scaleKey: 'y', isTime: false, orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Up, range: () => [0, 1] });
  builder.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, timeZone, theme, grid: { show: true } });
  builder.addAxis({
    scaleKey: 'y', isTime: false, placement: AxisPlacement.Left, theme, grid: { show: false }, ticks: { show: false }, gap: 4,
    splits: () => rows.map((_, row) => center(row)), values: () => rows.map((field) => getFieldDisplayName(field, aligned, all)),
  });
  for (const field of rows) {
    builder.addSeries({ scaleKey: 'y', theme, pathBuilder: () => null, show: true, pxAlign: false, fieldName: field.name, lineWidth: 0, showPoints: 'never' });
  }
  builder.setPrepData(([frame]) => frame.fields.map((field) => field.values));
  builder.addHook('draw', (u) => rows.forEach((field, row) => draw(u, aligned.fields[0].values, field, center(row), options.rowHeight ?? 0.9, rows.length, theme)));
  return builder;
}

// draw draws the states of one field. Each lasts until the next known value, and no value is a gap.
function draw(u, times, field, center, rowHeight, count, theme) {
  const ctx = u.ctx;
  const height = (u.bbox.height / count) * rowHeight;
  const top = u.bbox.top + u.bbox.height * (1 - center) - height / 2;
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  ctx.font = `${Math.round(12 * devicePixelRatio)}px ${theme.typography.fontFamily}`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  for (let i = 0; i < times.length;) {
    const value = field.values[i];
    let end = i + 1;
    while (end < times.length && (field.values[end] === value || field.values[end] === undefined)) end++;
    if (value !== null && value !== undefined) {
      const display = field.display(value);
      const left = u.valToPos(times[i], 'x', true);
      const right = end < times.length ? u.valToPos(times[end], 'x', true) : u.bbox.left + u.bbox.width;
      ctx.globalAlpha = (field.config.custom?.fillOpacity ?? 70) / 100;
      ctx.fillStyle = display.color;
      ctx.fillRect(left, top, right - left, height);
      ctx.globalAlpha = 1;
      ctx.fillStyle = theme.colors.getContrastText(display.color, theme.colors.contrastThreshold);
      if (ctx.measureText(display.text).width + 12 < right - Math.max(left, u.bbox.left)) {
        ctx.fillText(display.text, Math.max(left, u.bbox.left) + 6, top + height / 2);
      }
    }
    i = end;
  }
  ctx.restore();
}
