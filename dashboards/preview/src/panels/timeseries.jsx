import { useEffect, useMemo, useRef } from 'react';
import { cacheFieldDisplayNames, FieldType, getDisplayProcessor, getFieldSeriesColor } from '@grafana/data';
import { TimeSeries, useTheme2 } from '@grafana/ui';
import { Annotations } from './annotations.jsx';

// graphable keeps what a chart can show, and numbers the fields, as colors go by that number.
export function graphable(series, types = [FieldType.number]) {
  let index = 0;
  cacheFieldDisplayNames(series);
  return series
    .filter((frame) => frame.length > 0 && frame.fields.some((f) => f.type === FieldType.time) && frame.fields.some((f) => types.includes(f.type)))
    .map((frame) => ({
      ...frame,
      fields: frame.fields
        .filter((field) => field.type === FieldType.time || types.includes(field.type))
        .map((field) => field.type === FieldType.time ? field : { ...field, state: { ...field.state, seriesIndex: index++ } }),
    }));
}

// colored gives a field the color of its name for good, so that its line and its place in the legend have the same one.
function colored(field, theme, timeZone) {
  const byName = field.config.color?.mode === 'palette-classic-by-name';
  const color = byName ? { mode: 'fixed', fixedColor: getFieldSeriesColor(field, theme).color } : field.config.color;
  const made = { ...field, config: { ...field.config, color } };
  return { ...made, display: getDisplayProcessor({ field: made, theme, timeZone }) };
}

export function TimeSeriesPanel({ data, timeRange, timeZone, width, height, options }) {
  const theme = useTheme2();
  const frames = useMemo(() => graphable(data.series).map((frame) => ({
    ...frame,
    fields: frame.fields.map((field) => field.type === FieldType.time ? field : colored(field, theme, timeZone)),
  })), [data, theme, timeZone]);
  if (frames.length === 0) {
    return <div className="preview-nothing">No data</div>;
  }
  const exemplars = (data.annotations ?? []).filter((f) => f.meta?.custom?.resultType === 'exemplar');
  const annotations = (data.annotations ?? []).filter((f) => f.meta?.custom?.resultType !== 'exemplar' && f.length > 0);
  return (
    <TimeSeries frames={frames} structureRev={data.structureRev} timeRange={timeRange} timeZone={timeZone} width={width} height={height}
      legend={options.legend} options={options}>
      {(config) => (
        <>
          <Exemplars config={config} exemplars={exemplars} />
          <Annotations config={config} annotations={annotations} />
        </>
      )}
    </TimeSeries>
  );
}

// Exemplars draws a mark for each exemplar, at its time and value, whenever the chart is drawn. Its hooks are there before the chart is.
function Exemplars({ config, exemplars }) {
  const theme = useTheme2();
  const shown = useRef(exemplars);
  shown.current = exemplars;
  useMemo(() => {
    config.addHook('init', (plot) => { config.preview = plot; });
    config.addHook('draw', (plot) => shown.current.forEach((frame) => mark(plot, frame, theme)));
  }, [config, theme]);
  useEffect(() => {
    config.preview?.redraw(false);
  }, [config, exemplars]);
  return null;
}

// mark draws the exemplars of a frame. One beyond an end of the axis is at that end.
function mark(plot, frame, theme) {
  const times = frame.fields.find((f) => f.name === 'Time').values;
  const values = frame.fields.find((f) => f.name === 'Value').values;
  const { scale } = plot.series[1];
  const { min, max } = plot.scales[scale];
  const half = 3.5 * devicePixelRatio;
  plot.ctx.save();
  plot.ctx.fillStyle = theme.visualization.getColorByName('blue');
  times.forEach((time, row) => {
    if (time < plot.scales.x.min || time > plot.scales.x.max) {
      return;
    }
    const x = plot.valToPos(time, 'x', true);
    const y = plot.valToPos(Math.min(Math.max(values[row], min), max), scale, true);
    plot.ctx.beginPath();
    [[x, y + half], [x + half, y], [x, y - half], [x - half, y]].forEach(([px, py]) => plot.ctx.lineTo(px, py));
    plot.ctx.fill();
  });
  plot.ctx.restore();
}
