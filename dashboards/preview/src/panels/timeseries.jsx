import { useCallback, useMemo } from 'react';
import { cacheFieldDisplayNames, FieldType, getDisplayProcessor, getFieldSeriesColor } from '@grafana/data';
import { EventsCanvas, TimeSeries, useTheme2 } from '@grafana/ui';
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

// Exemplars draws a mark for each exemplar, at its time and value. It is there before the exemplars are, or it would miss the start of the chart.
function Exemplars({ config, exemplars }) {
  const theme = useTheme2();
  const place = useCallback((frame, row) => {
    const plot = config.preview;
    if (!plot) {
      return undefined;
    }
    const x = frame.fields.find((f) => f.name === 'Time').values[row];
    const y = frame.fields.find((f) => f.name === 'Value').values[row];
    const { scale } = plot.series[1];
    const { min, max } = plot.scales[scale];
    return { x: plot.valToPos(x, 'x'), y: plot.valToPos(Math.min(Math.max(y, min), max), scale) };
  }, [config]);
  const mark = useCallback(() => (
    <svg viewBox="0 0 599 599" width="7" height="7" style={{ display: 'block', transform: 'translate(-50%, -50%)', fill: theme.visualization.getColorByName('blue') }}>
      <path d="M 300 575 L 575 300 L 300 25 L 25 300 Z" />
    </svg>
  ), [theme]);
  useMemo(() => config.addHook('init', (plot) => { config.preview = plot; }), [config]);
  return <EventsCanvas id="exemplars" config={config} events={exemplars} renderEventMarker={mark} mapEventToXYCoords={place} />;
}

